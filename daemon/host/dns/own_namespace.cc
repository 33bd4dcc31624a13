#include "daemon/host/dns/own_namespace.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/net/file_descriptor.h"

namespace tunneld::daemon {
namespace {

/// include/uapi/linux/nsfs.h from Linux 6.18 on.
constexpr ino_t kInitialNamespace = 0xEFFFFFF9U;
/// The thread's, because setns(2) moves threads, not processes.
constexpr const char* kOurs = "/proc/thread-self/ns/net";
/// Sockets that systemd binds as process 1, before it starts other programs.
constexpr std::array kSystemdSockets{"/run/systemd/private", "/run/systemd/notify"};

bool is_same(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/// The namespace for which ip-netns(8) has mounted a file at `path`; empty if it has not.
std::string namespace_of_mount(const std::string& path) {
  std::error_code error;
  const std::string real = std::filesystem::canonical(path, error);
  if (error) return {};
  std::ifstream mounts("/proc/thread-self/mountinfo");
  std::string name;
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string id, parent, device, root, place;
    fields >> id >> parent >> device >> root >> place;
    if (place != real) continue;
    // The last mount is on top. /etc may be a separate mount, or be in a subvolume.
    constexpr std::string_view kDirectory = "/netns/";
    const std::size_t start = root.rfind(kDirectory);
    const std::size_t first = start == std::string::npos ? root.size() : start + kDirectory.size();
    const std::size_t end = root.find('/', first);
    name = end == std::string::npos ? std::string() : root.substr(first, end - first);
  }
  return name;
}

/// nullopt if there is no namespace of that name (any more).
std::optional<bool> is_our_namespace(const std::string& name) {
  struct stat ours {};
  struct stat named {};
  if (::stat(kOurs, &ours) != 0 || ::stat(("/run/netns/" + name).c_str(), &named) != 0) return std::nullopt;
  return is_same(ours, named);
}

/// What remember_first_process() has found: the network namespace and root directory of process 1.
struct FirstProcess {
  std::optional<struct stat> network_namespace;
  net::FileDescriptor root;
};

FirstProcess& first_process() {
  static FirstProcess first;
  return first;
}

/// kUnknown if we may not look at process 1, and could not earlier either.
Whose namespace_of_first_process() {
  struct stat ours {};
  struct stat first {};
  // If we are process 1 ourselves, in our own PID namespace, its network namespace proves nothing.
  if (::getpid() == 1 || ::stat(kOurs, &ours) != 0) return Whose::kUnknown;
  if (::stat("/proc/1/ns/net", &first) != 0) {
    if (!first_process().network_namespace) return Whose::kUnknown;
    first = *first_process().network_namespace;
  }
  return is_same(ours, first) ? Whose::kOurs : Whose::kOthers;
}

/// stat(2) as process 1 sees the path.
bool stat_of_first_process(const std::string& path, struct stat& there) {
  if (::stat(("/proc/1/root" + path).c_str(), &there) == 0) return true;
  const net::FileDescriptor& root = first_process().root;
  return root.is_open() && ::fstatat(root.get(), path.c_str() + 1, &there, 0) == 0;
}

/// Whether one of the sockets in an answer is bound to `file`; nullopt at the answer's end.
std::optional<bool> names_file(const char* data, std::size_t size, const struct stat& file) {
  auto left = static_cast<unsigned>(size);
  const auto device = static_cast<std::uint32_t>((major(file.st_dev) << 20U) | minor(file.st_dev));
  for (const auto* header = reinterpret_cast<const nlmsghdr*>(data); NLMSG_OK(header, left);
       header = NLMSG_NEXT(header, left)) {
    if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) return std::nullopt;
    if (header->nlmsg_len < NLMSG_LENGTH(sizeof(unix_diag_msg))) continue;
    const char* body =
        reinterpret_cast<const char*>(header) + NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(unix_diag_msg));
    auto rest = static_cast<unsigned>(header->nlmsg_len - NLMSG_LENGTH(sizeof(unix_diag_msg)));
    for (const auto* attribute = reinterpret_cast<const rtattr*>(body); RTA_OK(attribute, rest);
         attribute = RTA_NEXT(attribute, rest)) {
      if (attribute->rta_type != UNIX_DIAG_VFS || RTA_PAYLOAD(attribute) < sizeof(unix_diag_vfs)) continue;
      unix_diag_vfs bound{};
      std::memcpy(&bound, RTA_DATA(attribute), sizeof bound);
      if (bound.udiag_vfs_ino == static_cast<std::uint32_t>(file.st_ino) && bound.udiag_vfs_dev == device)
        return true;
    }
  }
  return false;
}

bool ask_for_bound(const std::string& path) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0 || !S_ISSOCK(file.st_mode)) return false;
  const net::FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!socket.is_open()) return false;
  const timeval patience{.tv_sec = 2, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  struct {
    nlmsghdr header;
    unix_diag_req request;
  } message{};
  message.header.nlmsg_len = sizeof message;
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.request.sdiag_family = AF_UNIX;
  message.request.udiag_states = ~0U;
  message.request.udiag_show = UDIAG_SHOW_VFS;
  if (::send(socket.get(), &message, sizeof message, 0) < 0) return false;
  alignas(nlmsghdr) std::array<char, 32768> answer;
  for (;;) {
    const ssize_t size = ::recv(socket.get(), answer.data(), answer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    const std::optional<bool> found = names_file(answer.data(), static_cast<std::size_t>(size), file);
    if (!found) return false;
    if (*found) return true;
  }
}

Whose find_host_namespace() {
  if (const Whose first = namespace_of_first_process(); first != Whose::kUnknown) return first;
  struct stat ours {};
  if (::stat(kOurs, &ours) == 0 && ours.st_ino == kInitialNamespace) return Whose::kOurs;
  for (const char* socket : kSystemdSockets) {
    if (ask_for_bound(socket)) return Whose::kOurs;
  }
  return Whose::kUnknown;
}

Whose find_whom_serves(const std::string& path) {
  if (const std::string name = namespace_of_mount(path); !name.empty()) {
    if (const auto ours = is_our_namespace(name)) return *ours ? Whose::kOurs : Whose::kOthers;
  }
  const Whose host = find_host_namespace();
  if (host != Whose::kOthers) return host;
  // Process 1 may see another file under this path.
  struct stat here {};
  struct stat there {};
  if (::stat(path.c_str(), &here) != 0 || !stat_of_first_process(path, there)) return Whose::kUnknown;
  return is_same(here, there) ? Whose::kOthers : Whose::kOurs;
}

}  // namespace

void remember_first_process() noexcept {
  struct stat found {};
  if (::stat("/proc/1/ns/net", &found) == 0) first_process().network_namespace = found;
  first_process().root = net::FileDescriptor(::open("/proc/1/root", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

Whose whom_serves(const std::string& path) noexcept {
  try {
    return find_whom_serves(path);
  } catch (const std::exception&) {
    return Whose::kUnknown;
  }
}

Whose host_namespace() noexcept {
  try {
    return find_host_namespace();
  } catch (const std::exception&) {
    return Whose::kUnknown;
  }
}

bool is_bound_in_our_namespace(const std::string& path) noexcept {
  try {
    return ask_for_bound(path);
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace tunneld::daemon
