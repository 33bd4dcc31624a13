// The one job that takes root: telling who keeps the host's name servers of ours.
//
// The daemon runs as a user of its own, and neither /etc/resolv.conf nor resolvconf nor systemd-resolved
// takes its word. So it asks a helper (tunneld-names.service, started by its socket), which runs as root and
// does what dns_change.h does, for that user and for root alone. What a request may say is what a DnsSet is:
// an interface's name, addresses, names. Which file and which program that means, the helper finds out
// itself, because whoever has taken the daemon over writes requests as well.
//
// Root by hand gives up what hooks of resolvconf need (dnsmasq's writes below a directory of dnsmasq's). So
// where resolvconf keeps the names, it starts such a helper as a child before that, for itself alone.
//
// It stays while any tunneld has a journal, and name servers to take back perhaps: no unit is started any
// more while the host shuts down.
//
// One request a connection, one line of JSON each way:
//     {"do": "apply" | "undo", "patience": milliseconds, "set": DnsSet}
//     {"undone": number} or {"errno": number, "error": words}
#pragma once

#include <chrono>
#include <functional>

#include "daemon/host/changes/dns.h"

namespace tunneld::daemon {

/// Starts the helper of root by hand, which ends with this process; nothing for who is not root, has the
/// service's for it, or does not need it. `begin` is its first act. Call it before there are other threads and
/// keys in memory. Throws std::system_error.
void start_own_names_helper(const std::function<void()>& begin);

/// Whether there is no other way: we are not root, and the helper's socket is there; or we have our own.
[[nodiscard]] bool needs_names_helper();

/// As apply_dns() and undo_dns(), by the helper. Throw std::system_error: what it says went wrong, or
/// timed_out.
void apply_by_helper(const DnsSet& set, std::chrono::milliseconds patience);
[[nodiscard]] Undone undo_by_helper(const DnsSet& set, std::chrono::milliseconds patience);

/// The helper's life: answers on the socket that systemd has given us until nobody has asked for a while, and
/// nobody will. Throws std::system_error where there is no such socket.
void serve_names();

/// Whether who has made this connection is in our network namespace. An accepted connection is a socket of the
/// caller's namespace (unix_stream_connect()). False where the kernel cannot tell.
[[nodiscard]] bool is_of_our_network(int connection);

/// What is done of a request for `set`: with the places and programs of this host. nullopt: it asks for what
/// no daemon asks for.
[[nodiscard]] std::optional<DnsSet> vetted(DnsSet set);

}  // namespace tunneld::daemon
