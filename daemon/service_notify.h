// What systemd wants to hear from a Type=notify service (sd_notify(3)). Without systemd, nothing happens.
#pragma once

#include <string>

namespace tunneld::daemon {

void notify_ready(const std::string& status);
void notify_stopping();

}  // namespace tunneld::daemon
