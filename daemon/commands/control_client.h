// The client of the control socket, for `status`, `down` and others.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/json.h"
#include "daemon/exit_code.h"

namespace tunneld::daemon {

/// No daemon to talk to, or no permission: the message, and the exit code.
class ControlError : public std::runtime_error {
 public:
  ControlError(ExitCode code, const std::string& words) : std::runtime_error(words), code_(code) {}
  [[nodiscard]] ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// No daemon listens there.
class NotRunning : public ControlError {
 public:
  using ControlError::ControlError;
};

/// Sends {"command": command} to the daemon of `interface`. Throws ControlError, also if no answer has come
/// for 10 s (14 s for a reload).
[[nodiscard]] Json ask(const std::string& interface, const std::string& command);
[[nodiscard]] Json ask(const std::string& interface, const std::string& command,
                       std::chrono::milliseconds patience);

/// Interfaces that have a control socket.
[[nodiscard]] std::vector<std::string> running_interfaces();
/// `name`; if it is empty, the only running interface. Throws ControlError.
[[nodiscard]] std::string choose_interface(const std::string& name);

}  // namespace tunneld::daemon
