// Making and undoing DnsSet: who keeps the host's resolver settings, and their hands.
//
// In this order: systemd-resolved, where /etc/resolv.conf leads to it; resolvconf(8), where that wrote it;
// the file itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "daemon/host/changes/dns.h"

namespace tunneld::daemon {

/// Finds out who keeps them. Throws std::system_error.
void prepare_dns(DnsSet& set);
/// For a program of the host, at a start, a reload or an end.
inline constexpr std::chrono::milliseconds kDnsPatience{10'000};
/// Throws std::system_error; timed_out: the program was killed, or systemd-resolved does not answer.
void apply_dns(const DnsSet& set, std::chrono::milliseconds patience = kDnsPatience);
/// As apply_dns(). Another tunneld that hangs while it writes the same file is waited for no longer than a
/// second (LockedOut).
[[nodiscard]] Undone undo_dns(const DnsSet& set, std::chrono::milliseconds patience = kDnsPatience);

/// Whether programs still ask as apply_dns() had it: a comparison with the file, resolvconf's record or the
/// link's settings in systemd-resolved. Never throws: what cannot be seen is kNoAnswer.
[[nodiscard]] Standing dns_standing(const DnsSet& set);

enum class Followed : std::uint8_t {
  kSame,
  kMoved,       ///< `set` is another one, to be journaled in its place
  kLeftBehind,  ///< to be journaled beside it: our lines could not be taken out of the file that it was in
};
/// Before it is applied again: for a file that has been replaced, what there is now becomes what was there
/// before us. Throws std::system_error.
[[nodiscard]] Followed follow_dns(DnsSet& set);

/// Whether what undoes one of them undoes the other, too.
[[nodiscard]] bool is_at_same_place(const DnsSet& one, const DnsSet& other);
/// Which may do half of it, and hang.
[[nodiscard]] bool needs_a_program(const DnsSet& set);

/// Takes away what a kill in the middle of writing has left, and no journal knows. Never throws.
void tidy_dns() noexcept;

/// Who has made `set` stand as it does, by what /etc/resolv.conf says of its author; empty where nobody
/// knows. Never throws.
[[nodiscard]] std::string dns_taker(const DnsSet& set, Standing standing);

/// The files that change when somebody takes it away.
[[nodiscard]] std::vector<std::string> dns_places(const DnsSet& set);

}  // namespace tunneld::daemon
