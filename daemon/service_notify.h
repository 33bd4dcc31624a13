// The notifications of a Type=notify service to systemd (sd_notify(3)). Without systemd, nothing happens.
#pragma once

#include <string>

namespace tunneld::daemon {

void notify_ready(const std::string& status);
void notify_stopping();

}  // namespace tunneld::daemon
