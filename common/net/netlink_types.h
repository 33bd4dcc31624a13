// What rtnetlink(7) tells about a host's network, as values: links, addresses, routes and rules.
//
// Only what tunneld sets, compares or reacts to. Numbers are the kernel's own (linux/rtnetlink.h,
// linux/fib_rules.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/net/ip_address.h"
#include "common/net/mac_address.h"

namespace tunneld::net {

/// The rtm_protocol of all our routes, so that they can be told from others' (`ip route show proto 215`).
/// Unused in linux/rtnetlink.h and iproute2's rt_protos.
inline constexpr std::uint8_t kRouteProtocol = 215;
/// The FRA_PROTOCOL of all our rules: RTPROT_KERNEL. systemd-networkd takes rules of any other protocol for
/// leftovers and removes them when it starts or configures a link.
inline constexpr std::uint8_t kRuleProtocol = 2;

inline constexpr std::uint32_t kMainTable = 254;   ///< RT_TABLE_MAIN
inline constexpr std::uint32_t kLocalTable = 255;  ///< RT_TABLE_LOCAL, which the kernel fills itself

/// The extra properties of a link that is a tun or a tap.
struct TunLink {
  bool multi_queue = false;
  bool packet_info = false;  ///< without IFF_NO_PI
  bool has_header = false;   ///< IFF_VNET_HDR
  /// Of a multi-queue device: how many of its queues are open. 0 otherwise.
  std::uint32_t open_queues = 0;
  bool operator==(const TunLink&) const = default;
};

struct Link {
  std::uint32_t index = 0;
  std::string name;
  std::uint32_t mtu = 0;
  /// Whether it is set up by the administrator (IFF_UP), and whether packets can pass (IFF_RUNNING).
  bool up = false;
  bool running = false;
  /// IN6_ADDR_GEN_MODE_*; nullopt where the link has no IPv6.
  std::optional<std::uint8_t> address_generation = std::nullopt;
  /// nullopt for a link without an address of this kind (a tun).
  std::optional<MacAddress> address = std::nullopt;
  /// The bridge, bond or VRF that it belongs to; 0: none.
  std::uint32_t master = 0;
  /// IFLA_INFO_KIND: "bridge", "tun" (also of a tap), "veth"; empty for hardware.
  std::string kind{};
  /// The link in this namespace that its packets go to: the base of a VLAN or macvlan, the other end of a
  /// veth pair. 0: none.
  std::uint32_t lower = 0;
  std::optional<TunLink> tun = std::nullopt;
  bool operator==(const Link&) const = default;
};

struct InterfaceAddress {
  std::uint32_t interface_index = 0;
  IpPrefix address;
  bool operator==(const InterfaceAddress&) const = default;
};

struct Route {
  IpPrefix destination;
  std::uint32_t table = kMainTable;
  /// Without one the kernel uses 0 for IPv4 and 1024 for IPv6, and reports that value.
  std::optional<std::uint32_t> metric = std::nullopt;
  /// 0: through no device (blackhole), or through several.
  std::uint32_t interface_index = 0;
  std::uint8_t protocol = 0;
  bool has_gateway = false;
  bool operator==(const Route&) const = default;
};

/// How a packet to some address would be routed, as `ip route get` answers.
struct ResolvedRoute {
  std::uint32_t interface_index = 0;
  /// The route's own MTU, or the path MTU that the kernel has learnt from ICMP; nullopt where the interface's
  /// MTU applies.
  std::optional<std::uint32_t> mtu = std::nullopt;
  /// The address that the kernel would send from.
  std::optional<IpAddress> source = std::nullopt;
  /// nullopt: on link.
  std::optional<IpAddress> gateway = std::nullopt;
};

/// A routing policy rule (ip-rule(8)) that looks up `table` for packets to a network, and with or without a
/// firewall mark.
struct Rule {
  Family family = Family::kIpv4;
  /// Lower values are looked up first.
  std::uint32_t priority = 0;
  std::uint32_t table = kMainTable;
  std::optional<IpPrefix> destination = std::nullopt;
  std::optional<std::uint32_t> mark = std::nullopt;
  std::uint32_t mark_mask = 0xffffffff;
  /// True: applies to packets without the mark.
  bool invert = false;
  /// Ignores results whose prefix is this long or shorter; 0 ignores default routes.
  std::optional<std::uint32_t> suppress_prefix_length = std::nullopt;
  std::uint8_t protocol = 0;
  bool operator==(const Rule&) const = default;
};

}  // namespace tunneld::net
