// A peer's endpoint as written in the configuration: a name or a numeric address, and a UDP port.
//
// Names are not resolved here: that needs the network, which need not be there when the daemon starts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/net/ip_address.h"

namespace tunneld::config {

struct PeerEndpoint {
  /// A DNS name, an IPv4 address, or an IPv6 address without brackets and with an optional "%interface".
  std::string host;
  std::uint16_t port = 0;

  /// Set if `host` is an address; nullopt for names and for addresses with "%interface", because the
  /// interface must exist first.
  [[nodiscard]] std::optional<net::IpAddress> address() const { return net::IpAddress::parse(host); }
  /// "vpn.example.org:51820", "[2001:db8::7]:51820".
  [[nodiscard]] std::string to_string() const;
  bool operator==(const PeerEndpoint&) const = default;
};

/// Why a text is not an endpoint, worded to follow "endpoint 'x' …", and what to write instead.
struct EndpointProblem {
  std::string message;
  std::string hint;
};

/// "host:port", "192.0.2.1:port", "[2001:db8::1]:port". Nobody can be reached at an unspecified, multicast or
/// broadcast address, so those are problems too.
[[nodiscard]] std::variant<PeerEndpoint, EndpointProblem> parse_endpoint(std::string_view text);

}  // namespace tunneld::config
