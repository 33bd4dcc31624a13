#include "daemon/commands/client_addresses.h"

#include <algorithm>
#include <array>
#include <optional>

namespace tunneld::daemon {
namespace {

/// How many addresses a search for a free one tries; no server has more clients.
constexpr unsigned kMostTried = 1U << 20U;

/// nullopt after the last one.
std::optional<net::IpAddress> next(const net::IpAddress& address) {
  std::array<std::uint8_t, 16> bytes{};
  const ByteView old = address.bytes();
  std::copy(old.begin(), old.end(), bytes.begin());
  std::size_t i = old.size();
  while (i > 0 && ++bytes[--i] == 0) {
    if (i == 0) return std::nullopt;
  }
  return address.is_v4() ? net::IpAddress::v4(std::span(bytes).first<4>()) : net::IpAddress::v6(bytes);
}

/// The first address of a network names the network (IPv4) or any router (IPv6, RFC 4291 section 2.6.1); the
/// last one of IPv4 is for broadcasts.
bool is_for_hosts(const net::IpPrefix& network, const net::IpAddress& address) {
  const unsigned bits = net::address_bits(address.family());
  if (network.length >= bits - 1) return true;
  if (address == network.network().address) return false;
  const auto after = next(address);
  return !address.is_v4() || (after && network.contains(*after));
}

std::optional<net::IpAddress> lowest_free(const net::IpPrefix& network, const std::set<net::IpAddress>& taken,
                                          const std::vector<net::IpPrefix>& taken_networks) {
  std::optional<net::IpAddress> address = network.network().address;
  for (unsigned i = 0; i < kMostTried && address && network.contains(*address);
       ++i, address = next(*address)) {
    const bool is_taken = taken.count(*address) != 0 ||
                          std::any_of(taken_networks.begin(), taken_networks.end(),
                                      [&](const auto& other) { return other.contains(*address); });
    if (!is_taken && is_for_hosts(network, *address)) return address;
  }
  return std::nullopt;
}

}  // namespace

std::vector<net::IpPrefix> client_networks(const config::Config& server) {
  std::vector<net::IpPrefix> networks;
  if (server.server) {
    for (const auto& network : server.server->value.pool) networks.push_back(network.value);
  }
  // A server without a pool has clients with fixed addresses only, in its own networks.
  for (const auto& address : server.interface.addresses) {
    if (server.server && !server.server->value.pool.empty()) break;
    if (!address.value.is_single()) networks.push_back(address.value.network());
  }
  std::stable_sort(networks.begin(), networks.end(),
                   [](const auto& a, const auto& b) { return a.address.is_v4() && !b.address.is_v4(); });
  return networks;
}

std::vector<net::IpAddress> addresses_of(const config::PeerConfig& peer) {
  std::vector<net::IpAddress> addresses;
  for (const auto& address : peer.addresses) addresses.push_back(address.value);
  for (const auto& network : peer.allowed_ips) {
    if (network.value.is_single()) addresses.push_back(network.value.address);
  }
  return addresses;
}

std::vector<net::IpAddress> free_addresses(const config::Config& server,
                                           const std::set<net::IpAddress>& taken) {
  std::set<net::IpAddress> all = taken;
  for (const auto& address : server.interface.addresses) all.insert(address.value.address);
  std::vector<net::IpPrefix> networks;
  for (const config::PeerConfig& peer : server.peers) {
    for (const net::IpAddress& address : addresses_of(peer)) all.insert(address);
    for (const auto& network : peer.allowed_ips) {
      // A prefix that contains the clients' networks (a default route behind a peer, say) uses none of their
      // addresses.
      const bool is_around =
          std::any_of(server.interface.addresses.begin(), server.interface.addresses.end(),
                      [&](const auto& own) { return network.value.contains(own.value.address); });
      if (!is_around && !network.value.is_single()) networks.push_back(network.value);
    }
  }
  std::vector<net::IpAddress> addresses;
  std::set<net::Family> done;
  for (const net::IpPrefix& network : client_networks(server)) {
    if (done.contains(network.address.family())) continue;
    const auto address = lowest_free(network, all, networks);
    if (!address) continue;
    addresses.push_back(*address);
    done.insert(network.address.family());
  }
  return addresses;
}

}  // namespace tunneld::daemon
