// systemd-resolved, over D-Bus: a link's name servers and domains (org.freedesktop.resolve1(5)).
//
// The settings belong to the link and disappear with it, so a killed daemon leaves nothing behind. resolved
// keeps them over its own restart, in /run/systemd/resolve/netif. If another program reverts them, or that
// directory is lost, the files that resolved writes after each change show it (dns_places()). These functions
// are called at start, reload and end, and for comparisons. Each call waits 2 s at most for its answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/net/ip_address.h"

namespace tunneld::daemon {

/// Whether programs that read `resolv_conf` use systemd-resolved.
[[nodiscard]] bool leads_to_resolved(const std::string& resolv_conf);

/// Throws std::system_error if resolved is not there, is not known to be in our network namespace, or has no
/// such link. `is_known`: the user says that it is in our namespace.
void expect_resolved(std::uint32_t interface_index, bool is_known);

/// `all_names`: every name is looked up on this link, and on no other; otherwise only those of `search`. Throws
/// std::system_error.
void set_resolved_link(std::uint32_t interface_index, const std::vector<net::IpAddress>& servers,
                       const std::vector<std::string>& search, bool all_names);

/// Whether the link still has the settings of set_resolved_link(). nullopt: systemd-resolved does not run; this
/// does not start it. Throws std::system_error.
[[nodiscard]] std::optional<bool> resolved_link_stands(std::uint32_t interface_index,
                                                       const std::vector<net::IpAddress>& servers,
                                                       const std::vector<std::string>& search,
                                                       bool all_names);

/// Throws std::system_error.
void revert_resolved_link(std::uint32_t interface_index);

}  // namespace tunneld::daemon
