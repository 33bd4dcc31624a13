#include "daemon/commands/control_client.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <thread>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/json.h"
#include "common/net/file_descriptor.h"
#include "common/nothing_left.h"
#include "daemon/host/interface_lock.h"
#include "daemon/host/run_directory.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;
using TimePoint = std::chrono::steady_clock::time_point;

/// A busy daemon takes seconds for a change of the host in which other programs take part (resolvconf).
constexpr std::chrono::milliseconds kPatience = 10s;
constexpr std::chrono::milliseconds kReloadPatience = 14s;

/// If the daemon hangs, its listening socket stays open and the kernel queues what is sent to it. So all
/// steps here share one deadline.
class Connection {
 public:
  Connection(std::string interface, std::chrono::milliseconds patience)
      : interface_(std::move(interface)),
        patience_(patience),
        end_(std::chrono::steady_clock::now() + patience),
        socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const std::string path = control_path(interface_);
    if (!socket_.is_open()) is_out_of_reach(path);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) is_not_there(path);
    path.copy(address.sun_path, path.size());
    while (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      if (errno == EACCES || errno == EPERM)
        throw ControlError(ExitCode::kNotPermitted, "not permitted to open " + path + ": run as root");
      if (errno == ENOENT || errno == ENOTDIR || errno == ECONNREFUSED) is_not_there(path);
      // The queue of connections that wait to be accepted is full.
      if (errno != EAGAIN && errno != EINTR) is_out_of_reach(path);
      if (std::chrono::steady_clock::now() >= end_) is_silent();
      std::this_thread::sleep_for(20ms);
    }
  }

  void send_all(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        text.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN || errno == EINTR) {
        wait_for(POLLOUT);
      } else {
        hung_up();
      }
    }
  }

  std::string receive_line() {
    std::string line;
    std::string buffer(16384, '\0');
    while (!line.ends_with('\n')) {
      const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (got > 0) {
        line.append(buffer, 0, static_cast<std::size_t>(got));
      } else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        wait_for(POLLIN);
      } else {
        hung_up();
      }
    }
    return line;
  }

  [[noreturn]] void hung_up() const {
    throw ControlError(ExitCode::kRuntimeFailure, "the daemon of " + interface_ + " did not answer");
  }

 private:
  void wait_for(short what) const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - std::chrono::steady_clock::now());
    if (left <= 0ms) is_silent();
    pollfd waiting{.fd = socket_.get(), .events = what, .revents = 0};
    (void)::poll(&waiting, 1, static_cast<int>(left.count()));
  }

  [[noreturn]] void is_not_there(const std::string& path) const {
    throw NotRunning(ExitCode::kRuntimeFailure, "no tunneld runs on " + interface_ + " (" + path + ")");
  }
  /// The daemon may be running or not.
  [[noreturn]] void is_out_of_reach(const std::string& path) const {
    throw ControlError(ExitCode::kRuntimeFailure, "cannot ask the daemon of " + interface_ + " (" + path +
                                                      "): " + std::generic_category().message(errno));
  }
  [[noreturn]] void is_silent() const {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(patience_).count();
    throw ControlError(ExitCode::kRuntimeFailure, "the daemon of " + interface_ + " (" +
                                                      InterfaceLock::holder(interface_) +
                                                      ") has not answered for " + std::to_string(seconds) +
                                                      " s: it is stopped, or hangs; its log may say why");
  }

  std::string interface_;
  std::chrono::milliseconds patience_;
  TimePoint end_;
  net::FileDescriptor socket_;
};

}  // namespace

Json ask(const std::string& interface, const std::string& command) {
  return ask(interface, command, command == "reload" ? kReloadPatience : kPatience);
}

Json ask(const std::string& interface, const std::string& command, std::chrono::milliseconds patience) {
  Connection connection(interface, patience);
  connection.send_all(Json{{"command", command}}.dump() + "\n");
  auto json = Json::parse(connection.receive_line());
  if (!json) connection.hung_up();
  if (json->contains("error")) {
    throw ControlError(ExitCode::kRuntimeFailure, json->at("error").get<std::string>());
  }
  return std::move(*json);
}

std::vector<std::string> running_interfaces() {
  std::vector<std::string> interfaces;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run_directory(), error)) {
    if (entry.path().extension() == ".sock") interfaces.push_back(entry.path().stem());
  }
  if (error && nothing_left(error.value()))
    throw ControlError(ExitCode::kRuntimeFailure, run_directory().string() + ": " + error.message());
  std::sort(interfaces.begin(), interfaces.end());
  return interfaces;
}

std::string choose_interface(const std::string& name) {
  if (!name.empty()) return name;
  const auto interfaces = running_interfaces();
  if (interfaces.empty()) throw ControlError(ExitCode::kRuntimeFailure, "no tunneld is running");
  if (interfaces.size() > 1) {
    std::string all;
    for (const std::string& interface : interfaces) all += " " + interface;
    throw ControlError(ExitCode::kBadUsage, "several interfaces are up, name one:" + all);
  }
  return interfaces.front();
}

}  // namespace tunneld::daemon
