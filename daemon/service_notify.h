// The notifications of a Type=notify service to systemd (sd_notify(3)). Without systemd, these do nothing.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "common/clock.h"

namespace tunneld::daemon {

void notify_ready(const std::string& status);
void notify_stopping();
// These two may be lost, because they are repeated.
void notify_status(const std::string& status);
void notify_watchdog();

/// Sends copies of the descriptors with the message. Waits for a second at most.
void notify_with(const std::string& text, std::span<const int> descriptors);

/// Whether a service manager expects notifications.
[[nodiscard]] bool is_notified();
/// How long it waits for notify_watchdog() before it kills us (WatchdogSec=); nullopt: there is no watchdog.
[[nodiscard]] std::optional<Duration> watchdog_limit();

}  // namespace tunneld::daemon
