#include "daemon/resolvconf.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/net/file_descriptor.h"
#include "daemon/resolv_conf_file.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

constexpr std::array kPlaces{"/usr/sbin/resolvconf", "/usr/bin/resolvconf", "/sbin/resolvconf",
                             "/usr/local/sbin/resolvconf"};
constexpr auto kPatience = 10s;

[[noreturn]] void fail(int error, const std::string& words) {
  throw std::system_error(error, std::generic_category(), words);
}

net::FileDescriptor input_with(const std::string& text) {
  net::FileDescriptor input(::memfd_create("resolvconf", MFD_CLOEXEC));
  if (!input.is_open() ||
      ::pwrite(input.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    fail(errno, "memfd_create");
  }
  return input;
}

int wait_for(pid_t child) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  int status = 0;
  for (;;) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) return status;
    if (ended < 0 && errno != EINTR) fail(errno, "waitpid");
    if (std::chrono::steady_clock::now() >= give_up) break;
    std::this_thread::sleep_for(5ms);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  return status;
}

void run(const std::vector<std::string>& words, const std::string& text) {
  const net::FileDescriptor input = input_with(text);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, input.get(), STDIN_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::array<char*, 2> environment{path.data(), nullptr};
  pid_t child = 0;
  // What it writes is for everybody to read, whatever a service's umask keeps for itself.
  const mode_t own_mask = ::umask(022);
  const int error =
      ::posix_spawn(&child, words.front().c_str(), &files, &attributes, arguments.data(), environment.data());
  ::umask(own_mask);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) fail(error, words.front());
  const int status = wait_for(child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  fail(WIFEXITED(status) ? EIO : ETIMEDOUT,
       words.front() + " " + words[1] +
           (WIFEXITED(status) ? ": exit code " + std::to_string(WEXITSTATUS(status)) : ": killed"));
}

/// It says so in a comment, or the file is one in its directory.
bool is_its_work(const std::string& resolv_conf) {
  std::error_code error;
  const std::string real = std::filesystem::weakly_canonical(resolv_conf, error);
  if (real.starts_with("/run/resolvconf/") || real.starts_with("/etc/resolvconf/")) return true;
  const std::string text = read_resolv_conf(resolv_conf).value_or("");
  return text.find("enerated by resolvconf") != std::string::npos;
}

}  // namespace

std::optional<std::string> find_resolvconf(const std::string& resolv_conf) {
  for (const std::string place : kPlaces) {
    if (::access(place.c_str(), X_OK) != 0) continue;
    std::error_code error;
    if (std::filesystem::canonical(place, error).filename() == "resolvectl") continue;
    return is_its_work(resolv_conf) ? std::optional(place) : std::nullopt;
  }
  return std::nullopt;
}

std::string resolvconf_record(const std::string& interface) {
  // Debian's takes the order of servers from a list of names' beginnings (tun*, tap*, …), not from a metric.
  std::ifstream order("/etc/resolvconf/interface-order");
  std::string line;
  while (std::getline(order, line)) {
    if (!line.ends_with('*') || line.size() < 2) continue;
    line.pop_back();
    const bool is_word =
        line.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") ==
        std::string::npos;
    if (is_word) return line + "." + interface;
  }
  return interface;
}

void add_to_resolvconf(const std::string& program, const std::string& record,
                       const std::vector<net::IpAddress>& servers, const std::vector<std::string>& search,
                       bool all_names) {
  std::string text;
  for (const net::IpAddress& server : servers) text += "nameserver " + server.to_string() + '\n';
  if (!search.empty()) {
    text += "search";
    for (const std::string& domain : search) text += ' ' + domain;
    text += '\n';
  }
  std::vector<std::string> words = {program, "-a", record, "-m", "0"};
  if (all_names) words.emplace_back("-x");
  run(words, text);
}

void remove_from_resolvconf(const std::string& program, const std::string& record) {
  run({program, "-d", record, "-f"}, "");
}

}  // namespace tunneld::daemon
