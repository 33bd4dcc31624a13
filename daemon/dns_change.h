// Making and undoing DnsSet: who keeps the host's resolver settings, and their hands.
//
// In this order: systemd-resolved, where /etc/resolv.conf leads to it; resolvconf(8), where that wrote it;
// the file itself.
#pragma once

#include "daemon/host_change.h"

namespace tunneld::daemon {

/// Finds out who keeps them. Throws std::system_error.
void prepare_dns(DnsSet& set);
/// Throws std::system_error.
void apply_dns(const DnsSet& set);
/// Throws std::system_error.
[[nodiscard]] Undone undo_dns(const DnsSet& set);

}  // namespace tunneld::daemon
