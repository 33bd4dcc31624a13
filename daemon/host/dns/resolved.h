// systemd-resolved, over D-Bus: a link's name servers and domains (org.freedesktop.resolve1(5)).
//
// Its settings belong to the link and go with it, so a killed daemon leaves nothing; and resolved keeps them
// over a restart of its own, in /run/systemd/resolve/netif. What others revert, or a lost directory, is
// noticed by the files that resolved writes after each change (dns_places()). Called at start, reload and
// end, and for comparisons; each call waits for its answer, 2 s at most.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/net/ip_address.h"

namespace tunneld::daemon {

/// Whether `resolv_conf` leads the host's programs to it.
[[nodiscard]] bool leads_to_resolved(const std::string& resolv_conf);

/// Throws std::system_error if it is not there, not known to be in our network namespace, or has no such
/// link. `is_known`: that it is, the user says.
void expect_resolved(std::uint32_t interface_index, bool is_known);

/// `all_names`: every name is asked for on this link, and on no other. Otherwise those of `search` alone.
/// Throws std::system_error.
void set_resolved_link(std::uint32_t interface_index, const std::vector<net::IpAddress>& servers,
                       const std::vector<std::string>& search, bool all_names);

/// Whether the link still has what set_resolved_link() has given it; nullopt: systemd-resolved does not run,
/// and is not started by being asked. Throws std::system_error.
[[nodiscard]] std::optional<bool> resolved_link_stands(std::uint32_t interface_index,
                                                       const std::vector<net::IpAddress>& servers,
                                                       const std::vector<std::string>& search,
                                                       bool all_names);

/// Throws std::system_error.
void revert_resolved_link(std::uint32_t interface_index);

}  // namespace tunneld::daemon
