// Makes and undoes DnsSet through the program that manages the host's name servers (the "keeper").
//
// It is, in this order: systemd-resolved, if /etc/resolv.conf leads to it; resolvconf(8), if it has written
// that file; otherwise nobody, and we edit the file.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "daemon/host/changes/dns.h"

namespace tunneld::daemon {

/// Finds the keeper. Throws std::system_error.
void prepare_dns(DnsSet& set);
/// How long we wait for another program at a start, a reload or an end.
inline constexpr std::chrono::milliseconds kDnsPatience{10'000};
/// Throws std::system_error; timed_out: the program was killed, or systemd-resolved does not answer.
void apply_dns(const DnsSet& set, std::chrono::milliseconds patience = kDnsPatience);
/// As apply_dns(). Waits at most a second for another tunneld that hangs while it writes the same file
/// (LockedOut).
[[nodiscard]] Undone undo_dns(const DnsSet& set, std::chrono::milliseconds patience = kDnsPatience);

/// Whether programs still use the name servers that apply_dns() has set. Compares with the file, resolvconf's
/// record or the link's settings in systemd-resolved. Never throws: kNoAnswer if that cannot be read.
[[nodiscard]] Standing dns_standing(const DnsSet& set);

enum class Followed : std::uint8_t {
  kSame,
  kMoved,       ///< `set` has changed, and replaces the old one in the journal
  kLeftBehind,  ///< the journal needs both: our lines could not be removed from the old file
};
/// Called before `set` is applied again. If /etc/resolv.conf leads to another file now, or has appeared or
/// disappeared, adapts `set` and removes our lines from the old file. Throws std::system_error.
[[nodiscard]] Followed follow_dns(DnsSet& set);

/// Whether undoing one of them undoes the other, too.
[[nodiscard]] bool is_at_same_place(const DnsSet& one, const DnsSet& other);
/// Whether another program has to run, which may fail half way or hang.
[[nodiscard]] bool needs_a_program(const DnsSet& set);

/// Removes what a kill in the middle of a write has left; no journal has it. Never throws.
void tidy_dns() noexcept;

/// The program that has changed the name servers, according to the comments in /etc/resolv.conf; empty if that
/// is not known. Never throws.
[[nodiscard]] std::string dns_taker(const DnsSet& set, Standing standing);

/// The files that change when another program removes our name servers.
[[nodiscard]] std::vector<std::string> dns_places(const DnsSet& set);

}  // namespace tunneld::daemon
