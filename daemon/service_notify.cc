#include "daemon/service_notify.h"

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <thread>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/net/descriptor_message.h"
#include "common/net/file_descriptor.h"
#include "config/scalars.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

/// A year, in microseconds: a longer limit counts as none.
constexpr std::uint64_t kLongestWatchdog = std::uint64_t{365} * 24 * 3600 * 1'000'000;

/// Like sd_notify(3), which waits without limit if the manager does not read. This waits for `patience` at
/// most, and not at all for a message that may be lost.
void notify(const std::string& text, std::chrono::milliseconds patience,
            std::span<const int> descriptors = {}) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (*path != '/' && *path != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name(path);
  if (name.size() >= sizeof address.sun_path) return;
  name.copy(address.sun_path, name.size());
  // The address length determines the length of an abstract name; it has no terminator.
  if (*path == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (*path == '/'));
  const net::FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) return;
  std::string bytes = text;
  net::DescriptorMessage message(bytes, descriptors);
  message.header().msg_name = &address;
  message.header().msg_namelen = length;
  const auto give_up = std::chrono::steady_clock::now() + patience;
  while (::sendmsg(socket.get(), &message.header(), MSG_NOSIGNAL) < 0 &&
         (errno == EAGAIN || errno == EINTR) && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(10ms);
  }
}

}  // namespace

void notify_ready(const std::string& status) {
  // It waits, because without this message the start counts as failed.
  notify("READY=1\nSTATUS=" + status, 1s);
}
void notify_stopping() {
  notify("STOPPING=1", 0ms);
}
void notify_status(const std::string& status) {
  notify("STATUS=" + status, 0ms);
}
void notify_watchdog() {
  notify("WATCHDOG=1", 0ms);
}

void notify_with(const std::string& text, std::span<const int> descriptors) {
  notify(text, 1s, descriptors);
}

bool is_notified() {
  return std::getenv("NOTIFY_SOCKET") != nullptr;
}

std::optional<Duration> watchdog_limit() {
  // A watchdog for the process that has started us does not concern us (sd_watchdog_enabled(3)).
  const char* const process = std::getenv("WATCHDOG_PID");
  if (process != nullptr && process != std::to_string(::getpid())) return std::nullopt;
  const char* const text = std::getenv("WATCHDOG_USEC");
  const auto microseconds = text == nullptr ? std::nullopt : config::parse_number(text);
  if (!microseconds || *microseconds == 0 || *microseconds > kLongestWatchdog) return std::nullopt;
  return std::chrono::microseconds(*microseconds);
}

}  // namespace tunneld::daemon
