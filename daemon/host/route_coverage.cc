#include "daemon/host/route_coverage.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <set>
#include <span>
#include <utility>

#include "common/net/address_class.h"

namespace tunneld::daemon {
namespace {

constexpr int kMostPublicIpv4 = 6;
constexpr int kMostPublicIpv6 = 16;

net::IpPrefix prefix(const char* text) {
  return net::IpPrefix::parse(text).value();
}

/// The two halves of a network that is not a single address.
std::pair<net::IpPrefix, net::IpPrefix> halves(const net::IpPrefix& network) {
  const auto length = static_cast<std::uint8_t>(network.length + 1);
  const net::IpPrefix low{network.address, length};
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(network.address.bytes(), bytes.begin());
  auto& byte = bytes.at(network.length / 8U);
  byte = static_cast<std::uint8_t>(byte | (0x80U >> (network.length % 8U)));
  const net::IpAddress address = network.address.is_v4()
                                     ? net::IpAddress::v4(std::span(bytes).first<4>())
                                     : net::IpAddress::v6(std::span<const std::uint8_t, 16>(bytes));
  return {low, {address, length}};
}

net::IpPrefix parent(const net::IpPrefix& network) {
  return net::IpPrefix{network.address, static_cast<std::uint8_t>(network.length - 1)}.network();
}

/// The length that counts, as if the addresses behind a NAT64 were IPv4's own.
int length_in(const net::IpPrefix& network) {
  return is_nat64(network) ? std::max(0, static_cast<int>(network.length) - 96)
                           : static_cast<int>(network.length);
}

}  // namespace

bool covers(const net::IpPrefix& network, const net::IpPrefix& other) {
  return network.length <= other.length && network.contains(other.address);
}

bool is_nat64(const net::IpPrefix& network) {
  constexpr std::array kTranslated{"64:ff9b::/96", "64:ff9b:1::/48"};
  // What holds one of them as a whole leads there, too.
  return std::ranges::any_of(kTranslated, [&network](const char* text) {
    return covers(prefix(text), network) || covers(network, prefix(text));
  });
}

std::vector<net::IpPrefix> united(const std::vector<net::IpPrefix>& networks) {
  std::set<net::IpPrefix> all;
  for (net::IpPrefix network : networks) {
    network = network.network();
    if (std::ranges::any_of(all, [&](const net::IpPrefix& other) { return covers(other, network); }))
      continue;
    std::erase_if(all, [&](const net::IpPrefix& other) { return covers(network, other); });
    // With its other half it becomes the network around both, and so on.
    while (network.length > 0) {
      const auto [low, high] = halves(parent(network));
      const auto other = all.find(network == low ? high : low);
      if (other == all.end()) break;
      all.erase(other);
      network = parent(network);
    }
    all.insert(network);
  }
  return {all.begin(), all.end()};
}

bool takes_whole(const std::vector<net::IpPrefix>& networks, net::Family family) {
  const bool v4 = family == net::Family::kIpv4;
  std::vector<net::IpPrefix> all;
  if (v4) {
    for (const char* text : {"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "10.0.0.0/8", "100.64.0.0/10",
                             "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"})
      all.push_back(prefix(text));
  }
  std::ranges::copy_if(networks, std::back_inserter(all),
                       [family](const net::IpPrefix& network) { return network.address.family() == family; });
  const net::IpPrefix whole = prefix(v4 ? "0.0.0.0/0" : "2000::/3");
  return std::ranges::any_of(united(all),
                             [&whole](const net::IpPrefix& network) { return covers(network, whole); });
}

bool amounts_to_default(const std::vector<net::IpPrefix>& networks, net::Family family) {
  double share = 0;
  double translated = 0;
  for (const net::IpPrefix& network : united(networks)) {
    if (is_nat64(network)) {
      translated += std::ldexp(1.0, -length_in(network));
    } else if (network.address.family() == family && !net::is_private(network)) {
      share += std::ldexp(1.0, -length_in(network));
    }
  }
  const double most_ipv4 = std::ldexp(1.0, -kMostPublicIpv4);
  // Routes to IPv4 add up, whichever family the packets are of.
  if (family == net::Family::kIpv4) return share + translated > most_ipv4;
  return share > std::ldexp(1.0, -kMostPublicIpv6) || translated > most_ipv4;
}

std::vector<net::IpPrefix> without(const net::IpPrefix& network, const net::IpPrefix& hole) {
  if (covers(hole, network)) return {};
  if (!covers(network, hole)) return {network};
  std::vector<net::IpPrefix> pieces;
  net::IpPrefix rest = network;
  while (rest.length < hole.length) {
    const auto [low, high] = halves(rest);
    const bool is_low = covers(low, hole);
    pieces.push_back(is_low ? high : low);
    rest = is_low ? low : high;
  }
  return pieces;
}

std::vector<net::IpPrefix> without(const std::vector<net::IpPrefix>& networks, const net::IpPrefix& hole) {
  std::vector<net::IpPrefix> pieces;
  for (const net::IpPrefix& network : networks)
    std::ranges::copy(without(network, hole), std::back_inserter(pieces));
  return pieces;
}

}  // namespace tunneld::daemon
