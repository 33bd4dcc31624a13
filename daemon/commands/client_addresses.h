// Which addresses clients get, and which of them are free.
#pragma once

#include <set>
#include <vector>

#include "common/net/ip_address.h"
#include "config/config.h"

namespace tunneld::daemon {

/// The networks of the clients' addresses: the server's pool, or without one its own networks. IPv4 first.
[[nodiscard]] std::vector<net::IpPrefix> client_networks(const config::Config& server);

/// The addresses that belong to `peer` alone.
[[nodiscard]] std::vector<net::IpAddress> addresses_of(const config::PeerConfig& peer);

/// For each family the lowest address that is not the server's, not a peer's and not in `taken`. Empty if the
/// networks are used up.
[[nodiscard]] std::vector<net::IpAddress> free_addresses(const config::Config& server,
                                                         const std::set<net::IpAddress>& taken);

}  // namespace tunneld::daemon
