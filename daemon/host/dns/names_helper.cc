#include "daemon/host/dns/names_helper.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include <asm/socket.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/json.h"
#include "common/log.h"
#include "common/net/file_descriptor.h"
#include "common/system_error.h"
#include "config/names.h"
#include "config/service_user.h"
#include "daemon/host/dns/dns_change.h"
#include "daemon/host/dns/resolv_conf_file.h"
#include "daemon/host/dns/resolvconf.h"
#include "daemon/host/privilege.h"
#include "daemon/host/run_directory.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;
using Milliseconds = std::chrono::milliseconds;

constexpr const char* kHelperSocket = "/run/tunneld-names.socket";
constexpr const char* kHostsFile = "/etc/resolv.conf";
/// NetworkManager's file: /etc/resolv.conf may have led to it when our lines were written.
constexpr const char* kNetworkManagersFile = "/run/NetworkManager/resolv.conf";
/// In bytes; well above the largest set of servers and domains that a configuration can have.
constexpr std::size_t kLongestLine = 256U << 10U;
/// How long we wait for a line from the other side, which has it ready.
constexpr Milliseconds kWords{2000};
/// Longer than any daemon asks for.
constexpr Milliseconds kMostPatience{15'000};
constexpr Milliseconds kIdle{30'000};
/// The pause after a failed accept(): the connection stays in the queue, so an immediate retry would fail, too.
constexpr Milliseconds kPause{200};

/// Device and inode of /etc/resolv.conf in this process' mount namespace; null if there is no such file.
Json identity_of_file() {
  struct stat status {};
  if (::stat(kHostsFile, &status) != 0) return nullptr;
  return {status.st_dev, status.st_ino};
}

/// The cookie of a socket's network namespace (socket(7)), which identifies it; nullopt before Linux 5.14.
std::optional<std::uint64_t> namespace_of(int socket) {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (::getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) != 0) return std::nullopt;
  return cookie;
}

void set_patience(int socket, Milliseconds patience) {
  const timeval time{.tv_sec = patience.count() / 1000, .tv_usec = patience.count() % 1000 * 1000};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

void send_line(int socket, const std::string& line) {
  const std::string whole = line + '\n';
  std::size_t sent = 0;
  while (sent < whole.size()) {
    const ssize_t count = ::send(socket, whole.data() + sent, whole.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno == EAGAIN ? ETIMEDOUT : errno, kHelperSocket);
    sent += static_cast<std::size_t>(count);
  }
}

std::string receive_line(int socket) {
  std::string line;
  std::array<char, 4096> part;
  while (!line.ends_with('\n')) {
    const ssize_t count = ::recv(socket, part.data(), part.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno == EAGAIN ? ETIMEDOUT : errno, kHelperSocket);
    if (count == 0 || line.size() > kLongestLine) fail(EPROTO, kHelperSocket);
    line.append(part.data(), static_cast<std::size_t>(count));
  }
  return line;
}

struct Address {
  sockaddr_un name{};
  socklen_t length = sizeof(sockaddr_un);
};

/// The address of the helper that we have started ourselves.
std::optional<Address> own_helper;

Address helper_address() {
  if (own_helper) return *own_helper;
  Address address;
  address.name.sun_family = AF_UNIX;
  std::strcpy(address.name.sun_path, kHelperSocket);
  return address;
}

Json ask_helper(const char* what, const DnsSet& set, Milliseconds patience) {
  const net::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) fail(errno, kHelperSocket);
  // The helper may have to be started first, and may be busy with other daemons.
  set_patience(socket.get(), patience + kWords);
  const Address address = helper_address();
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.name), address.length) != 0) {
    const int error = errno;
    // Our own helper has died: from the next request on, we try without it.
    if (error == ECONNREFUSED) own_helper.reset();
    fail(error == EAGAIN ? ETIMEDOUT : error, kHelperSocket);
  }
  send_line(
      socket.get(),
      Json{{"do", what}, {"patience", patience.count()}, {"set", set.to_json()}, {"file", identity_of_file()}}
          .dump());
  Json answer = Json::parse(receive_line(socket.get())).value_or(nullptr);
  if (answer.contains("errno"))
    throw std::system_error(answer.at("errno").get<int>(), std::generic_category(),
                            answer.at("error").get<std::string>());
  return answer;
}

/// The message without the standard text of its errno at the end, which the daemon adds again.
std::string own_words(const std::system_error& error) {
  std::string words = error.what();
  const std::string end = ": " + error.code().message();
  if (words.ends_with(end)) words.resize(words.size() - end.size());
  return words;
}

Json failure(int error, const std::string& words) {
  return {{"errno", error}, {"error", words}};
}

Json answer_to(const Json& request) {
  // A daemon in another mount namespace sees, and means, another file.
  if (request.at("file") != identity_of_file())
    return failure(
        EXDEV,
        "the helper for name servers (tunneld-names.service) sees another /etc/resolv.conf than this "
        "daemon");
  const auto asked = DnsSet::from_json(request.at("set"));
  const auto set = asked ? vetted(*asked) : std::nullopt;
  if (!set) return failure(EINVAL, "the helper for name servers has refused an invalid request");
  const auto patience =
      std::clamp(Milliseconds(request.at("patience").get<std::int64_t>()), Milliseconds(100), kMostPatience);
  const std::string what = request.at("do").get<std::string>();
  if (what == "undo") return {{"undone", static_cast<int>(undo_dns(*set, patience))}};
  if (what != "apply") return failure(EINVAL, "the helper for name servers has refused an invalid request");
  apply_dns(*set, patience);
  return {{"undone", static_cast<int>(Undone::kDone)}};
}

/// Whether any tunneld has a journal, and so perhaps name servers to remove.
bool is_still_needed() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run_directory(), error)) {
    if (entry.path().extension() == ".journal") return true;
  }
  return false;
}

bool is_served(int socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
         config::is_trusted_owner(peer.uid);
}

/// Whose requests a helper accepts: those from its network namespace, or those of its parent process.
enum class Serves : std::uint8_t { kItsNetwork, kItsParent };

void serve_one(int socket, Serves serves) {
  set_patience(socket, kWords);
  Json answer;
  try {
    const Json request = Json::parse(receive_line(socket)).value_or(nullptr);
    // A helper of one daemon needs no check: its socket has no file, so only its own namespace can reach it.
    answer =
        serves == Serves::kItsParent || is_of_our_network(socket)
            ? answer_to(request)
            : failure(EXDEV,
                      "the helper for name servers (tunneld-names.service) is in another network "
                      "namespace: to use `dns` in this one, start tunneld as root with a TUNNELD_RUN_DIR "
                      "that belongs to root");
  } catch (const std::system_error& error) {
    answer = failure(error.code().value(), own_words(error));
  } catch (const std::exception& error) {
    answer = failure(EINVAL, error.what());
  }
  try {
    send_line(socket, answer.dump());
  } catch (const std::system_error& error) {
    log::debug("{}", error.what());
  }
}

/// False: nobody has connected for a while.
bool serve_next(int listener, Serves serves) {
  pollfd waiting{.fd = listener, .events = POLLIN, .revents = 0};
  const int ready = ::poll(&waiting, 1, static_cast<int>(kIdle.count()));
  if (ready < 0 && errno != EINTR) fail(errno, "poll");
  if (ready <= 0) return ready < 0;
  const net::FileDescriptor socket(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket.is_open()) {
    std::this_thread::sleep_for(kPause);
  } else if (is_served(socket.get())) {
    serve_one(socket.get(), serves);
  }
  return true;
}

/// A socket with an abstract name that the kernel chooses, so there is no file to remove.
net::FileDescriptor listen_for_us(Address& address) {
  net::FileDescriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr any{.sa_family = AF_UNIX, .sa_data = {}};
  if (!listener.is_open() || ::bind(listener.get(), &any, sizeof any.sa_family) != 0 ||
      ::listen(listener.get(), 8) != 0 ||
      ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address.name), &address.length) != 0)
    fail(errno, "cannot listen for the helper for name servers");
  return listener;
}

[[noreturn]] void serve_parent(int listener, pid_t parent, const std::function<void()>& begin) {
  try {
    // Signals that end the parent also come to this process, but the parent still needs it to remove its name
    // servers.
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::signal(number, SIG_IGN);
    keep_power_for_names();
    // The descriptors of the device that systemd has kept are for the daemon alone.
    constexpr int kOnly = SD_LISTEN_FDS_START;
    if (listener != kOnly && ::dup3(listener, kOnly, O_CLOEXEC) < 0) fail(errno, "dup3");
    ::close_range(kOnly + 1, ~0U, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(0);
    begin();
    for (;;) (void)serve_next(kOnly, Serves::kItsParent);
  } catch (const std::exception& error) {
    log::error("{}", error.what());
  }
  ::_exit(1);
}

}  // namespace

void start_own_names_helper(const std::function<void()>& begin) {
  if (::geteuid() != 0 || is_roots_work_the_services() || !find_resolvconf(kHostsFile)) return;
  // Without these capabilities, a helper could do no more than we can.
  if (!has_power_for_names()) return;
  Address address;
  const net::FileDescriptor listener = listen_for_us(address);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) fail(errno, "cannot start the helper for name servers");
  if (child == 0) serve_parent(listener.get(), parent, begin);
  own_helper = address;
}

bool is_of_our_network(int connection) {
  const net::FileDescriptor own(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto ours = namespace_of(own.get());
  return ours.has_value() && namespace_of(connection) == ours;
}

bool needs_names_helper() {
  return own_helper || (::geteuid() != 0 && ::access(kHelperSocket, W_OK) == 0);
}

void apply_by_helper(const DnsSet& set, Milliseconds patience) {
  [[maybe_unused]] const Json answer = ask_helper("apply", set, patience);
}

Undone undo_by_helper(const DnsSet& set, Milliseconds patience) {
  const int undone = ask_helper("undo", set, patience).value("undone", 0);
  return undone == static_cast<int>(Undone::kDeviceGone) ? Undone::kDeviceGone
         : undone == static_cast<int>(Undone::kNotOurs)  ? Undone::kNotOurs
                                                         : Undone::kDone;
}

std::optional<DnsSet> vetted(DnsSet set) {
  // A program could mistake a name that begins with a dash for an option.
  if (!config::is_interface_name(set.interface.name) || set.interface.name.front() == '-')
    return std::nullopt;
  switch (set.keeper) {
    case DnsKeeper::kNobody:
    case DnsKeeper::kResolved:
      return set;
    case DnsKeeper::kResolvconf:
      set.place = resolvconf_record(set.interface.name);
      // If there is none any more, or another keeper, the old program's record still has to be removed.
      if (const auto program = find_resolvconf(kHostsFile)) set.program = *program;
      return is_resolvconf(set.program) ? std::optional(set) : std::nullopt;
    case DnsKeeper::kFile:
      set.place = kHostsFile;
      return set.file == kHostsFile || set.file == kNetworkManagersFile ||
                     set.file == real_resolv_conf(kHostsFile)
                 ? std::optional(set)
                 : std::nullopt;
  }
  return std::nullopt;
}

void serve_names() {
  if (::sd_listen_fds(1) != 1) fail(ENOTSOCK, "only tunneld-names.socket can start this command");
  const int listener = SD_LISTEN_FDS_START;
  while (serve_next(listener, Serves::kItsNetwork) || is_still_needed()) {
  }
}

}  // namespace tunneld::daemon
