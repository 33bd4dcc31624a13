// Making and undoing DnsSet: who keeps the host's resolver settings, and their hands.
//
// In this order: systemd-resolved, where /etc/resolv.conf leads to it; resolvconf(8), where that wrote it;
// the file itself.
#pragma once

#include <string>
#include <vector>

#include "daemon/host/host_change.h"
#include "daemon/host/host_state.h"

namespace tunneld::daemon {

/// Finds out who keeps them. Throws std::system_error.
void prepare_dns(DnsSet& set);
/// Throws std::system_error.
void apply_dns(const DnsSet& set);
/// Throws std::system_error.
[[nodiscard]] Undone undo_dns(const DnsSet& set);

/// Whether programs still ask as apply_dns() had it: a comparison with the file, resolvconf's record or the
/// link's settings in systemd-resolved. Never throws: what cannot be seen is kNoAnswer.
[[nodiscard]] Standing dns_standing(const DnsSet& set);

/// Before it is applied again: for a file that has been replaced, what there is now becomes what was there
/// before us. True: `set` is another one, to be journaled. Throws std::system_error.
[[nodiscard]] bool follow_dns(DnsSet& set);

/// Who has made `set` stand as it does, by what /etc/resolv.conf says of its author; empty where nobody
/// knows. Never throws.
[[nodiscard]] std::string dns_taker(const DnsSet& set, Standing standing);

/// The files that change when somebody takes it away.
[[nodiscard]] std::vector<std::string> dns_places(const DnsSet& set);

}  // namespace tunneld::daemon
