#include "common/net/nft_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/net/descriptor_message.h"
#include "common/net/file_descriptor.h"

namespace tunneld::net {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kChildName = "tunneld: nftables";
/// Enclose the report, so that it is not confused with the library's own output when it gives up.
constexpr char kBegin = '\x01';
constexpr char kEnd = '\x02';
constexpr char kDone = '+';
constexpr char kRefused = '-';

[[noreturn]] void fail(int error, const char* what) {
  throw std::system_error(error, std::generic_category(), std::string("nftables: ") + what);
}

// --- the child

std::string read_all(int file) {
  std::string text;
  std::array<char, 16384> part{};
  for (;;) {
    const ssize_t length = ::read(file, part.data(), part.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return text;
    text.append(part.data(), static_cast<std::size_t>(length));
  }
}

void write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t length = ::write(file, text.data(), text.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(length));
  }
}

std::string report_on(const std::string& commands, unsigned flags) {
  nft_ctx* context = nft_ctx_new(NFT_CTX_DEFAULT);
  if (context == nullptr || nft_ctx_buffer_output(context) != 0 || nft_ctx_buffer_error(context) != 0) {
    return {};
  }
  nft_ctx_output_set_flags(context, flags);
  const bool done = nft_run_cmd_from_buffer(context, commands.c_str()) == 0;
  return std::string{kBegin, done ? kDone : kRefused} +
         (done ? nft_ctx_get_output_buffer(context) : nft_ctx_get_error_buffer(context)) + kEnd;
}

/// The library's, which it gives to nobody; -1: not found.
int netlink_socket() {
  for (int file = STDERR_FILENO + 1; file < 64; ++file) {
    int protocol = 0;
    socklen_t length = sizeof protocol;
    sockaddr_nl address{};
    socklen_t address_length = sizeof address;
    if (::getsockopt(file, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0 &&
        protocol == NETLINK_NETFILTER &&
        ::getsockname(file, reinterpret_cast<sockaddr*>(&address), &address_length) == 0 &&
        address.nl_family == AF_NETLINK)
      return file;
  }
  return -1;
}

/// The end of a report, and with it the socket.
void hand_over(int file, int to) {
  char byte = kEnd;
  DescriptorMessage message(std::span(&byte, 1), std::span(&file, 1));
  while (::sendmsg(to, &message.header(), MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

/// glibc gives main()'s arguments to constructors. Arguments: the parent's process number, flags, whether it
/// wants the socket.
[[gnu::constructor]] void be_the_child(int count, char** arguments, char** /*environment*/) {
  if (count != 4 || std::strcmp(arguments[0], kChildName) != 0) return;
  const auto number = [arguments](int i) {
    unsigned value = 0;
    std::from_chars(arguments[i], arguments[i] + std::strlen(arguments[i]), value);
    return value;
  };
  // What a dead daemon has begun must not take effect after the clean-up.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != static_cast<pid_t>(number(1))) ::_exit(1);
  std::string report = report_on(read_all(STDIN_FILENO), number(2));
  const int socket = number(3) != 0 ? netlink_socket() : -1;
  if (socket >= 0 && !report.empty()) report.pop_back();
  write_all(STDOUT_FILENO, report);
  if (socket >= 0) hand_over(socket, STDOUT_FILENO);
  ::_exit(0);
}

// --- the parent

FileDescriptor input_with(const std::string& text) {
  FileDescriptor input(::memfd_create("nft", MFD_CLOEXEC));
  if (!input.is_open()) fail(errno, "memfd_create");
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t length =
        ::pwrite(input.get(), text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) fail(length == 0 ? ENOSPC : errno, "memfd");
    done += static_cast<std::size_t>(length);
  }
  return input;
}

class SpawnSettings {
 public:
  SpawnSettings(int input, int output) {
    posix_spawn_file_actions_init(&files_);
    posix_spawnattr_init(&attributes_);
    posix_spawn_file_actions_adddup2(&files_, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files_, output, STDERR_FILENO);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnSettings() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&files_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  [[nodiscard]] const posix_spawn_file_actions_t* files() const { return &files_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t attributes_{};
};

/// The child is killed at the latest when this is destroyed, and reaped.
class Child {
 public:
  Child(unsigned flags, NftSocket socket, int input, int output) {
    std::string name = kChildName;
    std::string parent = std::to_string(::getpid());
    std::string numbers = std::to_string(flags);
    std::string wants_socket = socket == NftSocket::kKept ? "1" : "0";
    const std::array<char*, 5> arguments{name.data(), parent.data(), numbers.data(), wants_socket.data(),
                                         nullptr};
    const SpawnSettings settings(input, output);
    const int error = ::posix_spawn(&pid_, "/proc/self/exe", settings.files(), settings.attributes(),
                                    arguments.data(), environ);
    if (error != 0) fail(error, "/proc/self/exe");
  }
  ~Child() {
    if (pid_ > 0) end();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// The status as from waitpid(2). Call it when the child has closed its output and has nothing more to do.
  int end() {
    ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return status;
  }

 private:
  pid_t pid_ = 0;
};

/// As read(2); a descriptor that comes along goes into `socket`.
ssize_t receive(int file, NftSocket kind, std::array<char, 65536>& part, FileDescriptor& socket) {
  if (kind == NftSocket::kClosed) return ::read(file, part.data(), part.size());
  DescriptorMessage message{std::span<char>(part)};
  const ssize_t length = ::recvmsg(file, &message.header(), MSG_CMSG_CLOEXEC);
  if (length > 0) {
    if (FileDescriptor came = message.received(); came.is_open()) socket = std::move(came);
  }
  return length;
}

/// Reads until the other end is closed or a report is complete. False: neither happened in time.
bool collect(int pipe, NftSocket kind, Clock::time_point until, std::string& text, FileDescriptor& socket) {
  std::array<char, 65536> part{};
  while (!text.ends_with(kEnd)) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd waiting{.fd = pipe, .events = POLLIN, .revents = 0};
    const int ready = left > 0 ? ::poll(&waiting, 1, static_cast<int>(left)) : 0;
    if (ready < 0 && errno != EINTR) fail(errno, "poll");
    if (ready == 0) return false;
    if (ready < 0) continue;
    const ssize_t length = receive(pipe, kind, part, socket);
    if (length < 0 && errno != EINTR) fail(errno, "read");
    if (length == 0) return true;
    if (length > 0) text.append(part.data(), static_cast<std::size_t>(length));
  }
  return true;
}

}  // namespace

NftReport run_nft_process(const std::string& commands, unsigned flags, std::chrono::milliseconds patience,
                          NftSocket socket) {
  const auto until = Clock::now() + patience;
  std::array<int, 2> ends{-1, -1};
  if (socket == NftSocket::kClosed) {
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail(errno, "pipe2");
  } else if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    fail(errno, "socketpair");
  }
  const FileDescriptor output(ends[0]);
  FileDescriptor theirs(ends[1]);
  const FileDescriptor input = input_with(commands);
  Child child(flags, socket, input.get(), theirs.get());
  theirs = FileDescriptor();

  std::string text;
  FileDescriptor kept;
  const bool in_time = collect(output.get(), socket, until, text, kept);
  const int status = child.end();
  const std::size_t begin = text.find(kBegin);
  if (begin != std::string::npos && text.size() >= begin + 3 && text.ends_with(kEnd)) {
    const bool is_done = text[begin + 1] == kDone;
    return {.end = is_done ? NftReport::End::kDone : NftReport::End::kRefused,
            .text = text.substr(begin + 2, text.size() - begin - 3),
            .socket = is_done ? std::move(kept) : FileDescriptor()};
  }
  if (!in_time) return {.end = NftReport::End::kUnknown, .text = "no answer in time"};
  if (!text.empty()) return {.end = NftReport::End::kUnknown, .text = text};
  return {.end = NftReport::End::kUnknown,
          .text = WIFEXITED(status) ? "the library has ended its process"
                                    : "its process was ended by signal " + std::to_string(WTERMSIG(status))};
}

}  // namespace tunneld::net
