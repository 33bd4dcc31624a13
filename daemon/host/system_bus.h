// The system bus (sd-bus), with time limits: a bus that hangs must not block its caller for a minute and a half.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <systemd/sd-bus.h>

#include "common/system_error.h"

namespace tunneld::daemon {

/// sd-bus returns negative errno.
inline int sd_checked(int result, const std::string& what) {
  if (result < 0) fail(-result, what);
  return result;
}

struct SdUnref {
  // Closed without a flush, which would wait.
  void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
  void operator()(sd_bus_creds* creds) const { sd_bus_creds_unref(creds); }
};
using Bus = std::unique_ptr<sd_bus, SdUnref>;
using Message = std::unique_ptr<sd_bus_message, SdUnref>;

/// Waits until the bus has answered hello, because a call would wait for that without our limit. Throws
/// std::system_error with `what` in its message.
void wait_until_ready(sd_bus* bus, std::chrono::steady_clock::time_point until, const std::string& what);

}  // namespace tunneld::daemon
