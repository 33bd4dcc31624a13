// The notifications of a Type=notify service to systemd (sd_notify(3)). Without systemd, nothing happens.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "common/clock.h"

namespace tunneld::daemon {

void notify_ready(const std::string& status);
void notify_stopping();
// These may be lost: the next one comes.
void notify_status(const std::string& status);
void notify_watchdog();

/// A message with descriptors, of which the manager gets copies. Waits for a second at most.
void notify_with(const std::string& text, std::span<const int> descriptors);

/// Whether there is a manager that listens.
[[nodiscard]] bool is_notified();
/// How long it waits for notify_watchdog() before it kills us (WatchdogSec=); nullopt: it does not.
[[nodiscard]] std::optional<Duration> watchdog_limit();

}  // namespace tunneld::daemon
