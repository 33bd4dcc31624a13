// Addresses, prefixes and endpoints: small value types, IPv4 and IPv6 alike.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.h"

struct sockaddr;
struct sockaddr_storage;

namespace tunneld::net {

enum class Family : std::uint8_t { kIpv4, kIpv6 };
[[nodiscard]] constexpr unsigned address_bits(Family family) {
  return family == Family::kIpv4 ? 32 : 128;
}

/// Network byte order; an IPv4 address uses the first 4 bytes and leaves the rest zero.
class IpAddress {
 public:
  IpAddress() = default;
  [[nodiscard]] static IpAddress v4(std::span<const std::uint8_t, 4> bytes);
  [[nodiscard]] static IpAddress v6(std::span<const std::uint8_t, 16> bytes);
  /// Numeric forms only ("10.0.0.1", "fd00::1"), never a name; no scope, no brackets.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] Family family() const { return family_; }
  [[nodiscard]] bool is_v4() const { return family_ == Family::kIpv4; }
  /// 4 or 16 bytes.
  [[nodiscard]] ByteView bytes() const { return {bytes_.data(), is_v4() ? 4U : 16U}; }
  /// 0.0.0.0 or ::
  [[nodiscard]] static IpAddress unspecified(Family family);
  [[nodiscard]] bool is_unspecified() const;
  auto operator<=>(const IpAddress&) const = default;

 private:
  Family family_ = Family::kIpv4;
  std::array<std::uint8_t, 16> bytes_{};
};

/// An address and a prefix length. May carry host bits (an interface's address); network() clears them.
struct IpPrefix {
  IpAddress address;
  std::uint8_t length = 0;

  /// "10.0.0.0/8", "fd00::/64"; without a slash the full length.
  [[nodiscard]] static std::optional<IpPrefix> parse(std::string_view text);
  /// The address alone: /32 or /128.
  [[nodiscard]] static IpPrefix of(const IpAddress& address) {
    return {address, static_cast<std::uint8_t>(address_bits(address.family()))};
  }
  [[nodiscard]] bool is_single() const { return length == address_bits(address.family()); }
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] IpPrefix network() const;
  [[nodiscard]] bool has_host_bits() const { return network() != *this; }
  [[nodiscard]] bool contains(const IpAddress& other) const;
  [[nodiscard]] bool overlaps(const IpPrefix& other) const;
  auto operator<=>(const IpPrefix&) const = default;
};

/// A UDP address. `scope_id` is the interface index of a link-local IPv6 address, else 0.
struct SocketAddress {
  IpAddress address;
  std::uint16_t port = 0;
  std::uint32_t scope_id = 0;

  /// "192.0.2.1:51820", "[2001:db8::1]:51820", "[fe80::1%eth0]:51820". Throws NetlinkError if the interface
  /// cannot be looked up, for example because no descriptor is left.
  [[nodiscard]] static std::optional<SocketAddress> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  /// Returns the length of the sockaddr written.
  std::uint32_t to_sockaddr(sockaddr_storage& out) const;
  /// IPv4-mapped IPv6 addresses become IPv4. nullopt for another family.
  [[nodiscard]] static std::optional<SocketAddress> from_sockaddr(const sockaddr& address);
  auto operator<=>(const SocketAddress&) const = default;
};

/// The address of a peer, and our own address and interface that it reached, so that replies leave from
/// there.
struct Endpoint {
  SocketAddress remote;
  std::optional<IpAddress> local;
  std::uint32_t local_interface = 0;
  bool operator==(const Endpoint&) const = default;
};

}  // namespace tunneld::net
