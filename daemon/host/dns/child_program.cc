#include "daemon/host/dns/child_program.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/net/file_descriptor.h"
#include "common/system_error.h"

namespace tunneld::daemon {
namespace {

using Clock = std::chrono::steady_clock;

/// How often we check whether a silent child has ended, in milliseconds.
constexpr int kLook = 10;
/// How much of its output a log line quotes, in bytes.
constexpr std::size_t kTold = 400;

net::FileDescriptor input_with(const std::string& text) {
  net::FileDescriptor input(::memfd_create("input", MFD_CLOEXEC));
  if (!input.is_open() ||
      ::pwrite(input.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    fail(errno, "memfd_create");
  }
  return input;
}

/// The child gets its own process group, so that its children can be killed with it.
pid_t start(const std::vector<std::string>& words, int input, int output) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::array<char*, 2> environment{path.data(), nullptr};
  pid_t child = 0;
  // The files that it writes must be readable for everybody, even if the service's umask is stricter.
  const mode_t own_mask = ::umask(022);
  const int error =
      ::posix_spawn(&child, words.front().c_str(), &files, &attributes, arguments.data(), environment.data());
  ::umask(own_mask);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) fail(error, words.front());
  return child;
}

/// Reads at most what the pipe holds now, so that a program that prints without end cannot block us. False:
/// all writers have closed the pipe.
bool take(int pipe, std::string& text) {
  std::array<char, 65536> part;
  const ssize_t length = ::read(pipe, part.data(), part.size());
  if (length == 0) return false;
  if (length > 0)
    text.append(part.data(), std::min(kKeptOutput - text.size(), static_cast<std::size_t>(length)));
  return true;
}

bool has_ended(pid_t child, int& status) {
  for (;;) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) return true;
    if (ended == 0) return false;
    if (errno != EINTR) fail(errno, "waitpid");
  }
}

}  // namespace

bool ProgramEnd::is_success() const {
  return in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

ProgramEnd run_program(const std::vector<std::string>& words, const std::string& input,
                       std::chrono::milliseconds patience) {
  const auto give_up = Clock::now() + patience;
  const net::FileDescriptor text = input_with(input);
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail(errno, "pipe2");
  const net::FileDescriptor output(ends[0]);
  net::FileDescriptor theirs(ends[1]);
  if (::fcntl(output.get(), F_SETFL, O_NONBLOCK) != 0) fail(errno, "fcntl");
  const pid_t child = start(words, text.get(), theirs.get());
  theirs = net::FileDescriptor();

  ProgramEnd end;
  bool is_held = true;
  while (!has_ended(child, end.status)) {
    if (Clock::now() >= give_up) {
      end.in_time = false;
      ::kill(-child, SIGKILL);
      while (::waitpid(child, &end.status, 0) < 0 && errno == EINTR) {
      }
      break;
    }
    pollfd waiting{.fd = is_held ? output.get() : -1, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, kLook) > 0) is_held = take(output.get(), end.output);
  }
  if (is_held) take(output.get(), end.output);
  return end;
}

std::string in_words(const ProgramEnd& end) {
  std::string words;
  if (!end.in_time) {
    words = "killed because it took too long";
  } else if (WIFEXITED(end.status)) {
    words = "exit code " + std::to_string(WEXITSTATUS(end.status));
  } else {
    words = "ended by signal " + std::to_string(WTERMSIG(end.status));
  }
  // Joined, because it must stay one log line whatever the program prints.
  std::string said;
  for (const char c : end.output) {
    if (c == '\n' || c == '\r') {
      if (!said.empty() && !said.ends_with("; ")) said += "; ";
    } else {
      said += c >= ' ' && c <= '~' ? c : c == '\t' ? ' ' : '?';
    }
  }
  if (said.ends_with("; ")) said.resize(said.size() - 2);
  if (said.size() > kTold) said = said.substr(0, kTold) + " …";
  return said.empty() ? words : words + ": " + said;
}

}  // namespace tunneld::daemon
