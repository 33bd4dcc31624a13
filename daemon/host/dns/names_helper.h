// A helper for the only task that needs root: setting the host's name servers.
//
// The daemon runs as its own user, who may not change /etc/resolv.conf, resolvconf's records or the settings
// of systemd-resolved. So it asks a helper (tunneld-names.service, started by its socket), which runs as root
// and does the work of dns_change.h. The helper serves that user and root only. A request consists of a
// DnsSet: an interface's name, addresses and domains. The helper itself determines the file and the program,
// because an attacker who controls the daemon can send requests, too.
//
// A daemon that root starts by hand drops the privileges that resolvconf's hooks need (dnsmasq's writes to
// dnsmasq's directory). So where resolvconf manages the name servers, it first starts such a helper as a
// child process, for itself alone.
//
// The helper stays while any tunneld has a journal, because there may be name servers to remove, and systemd
// starts no unit while the host shuts down.
//
// One request per connection, one line of JSON each way:
//     {"do": "apply" | "undo", "patience": milliseconds, "set": DnsSet}
//     {"undone": number} or {"errno": number, "error": words}
#pragma once

#include <chrono>
#include <functional>

#include "daemon/host/changes/dns.h"

namespace tunneld::daemon {

/// Starts our own helper, which ends with this process. Does nothing if we are not root, use the service's
/// helper, or need none. `begin` is called first in the helper. Call it before there are other threads, and
/// before keys are in memory. Throws std::system_error.
void start_own_names_helper(const std::function<void()>& begin);

/// Whether a helper has to do it: we have our own, or we are not root and the service's socket is there.
[[nodiscard]] bool needs_names_helper();

/// Like apply_dns() and undo_dns(), through the helper. Throw std::system_error: the helper's error, or
/// timed_out.
void apply_by_helper(const DnsSet& set, std::chrono::milliseconds patience);
[[nodiscard]] Undone undo_by_helper(const DnsSet& set, std::chrono::milliseconds patience);

/// Runs the helper: answers requests on the socket from systemd, until there were none for a while and no
/// tunneld has a journal. Throws std::system_error if there is no such socket.
void serve_names();

/// Whether the client of this connection is in our network namespace. An accepted connection is a socket of
/// the client's namespace (unix_stream_connect()). False if the kernel cannot tell.
[[nodiscard]] bool is_of_our_network(int connection);

/// `set` as it may be carried out: with the files and programs of this host. nullopt: no daemon sends such a
/// request.
[[nodiscard]] std::optional<DnsSet> vetted(DnsSet set);

}  // namespace tunneld::daemon
