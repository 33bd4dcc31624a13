#include "common/net/netlink_message.h"

#include <array>

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

namespace tunneld::net {
namespace {

/// The attributes of one message, by number.
template <int kMax>
class Attributes {
 public:
  /// nullopt if the message is too short for its header or an attribute overruns it.
  template <typename Header>
  [[nodiscard]] static std::optional<Attributes> of(const nlmsghdr& message) {
    Attributes attributes;
    // libnl's parser reads only; its signature is older than const.
    auto* header = const_cast<nlmsghdr*>(&message);
    if (nlmsg_parse(header, sizeof(Header), attributes.table_.data(), kMax, nullptr) < 0) return std::nullopt;
    return attributes;
  }
  [[nodiscard]] nlattr* find(int attribute) const { return table_.at(static_cast<std::size_t>(attribute)); }
  [[nodiscard]] std::optional<std::uint32_t> u32(int attribute) const {
    nlattr* found = find(attribute);
    if (found == nullptr || nla_len(found) < static_cast<int>(sizeof(std::uint32_t))) return std::nullopt;
    return nla_get_u32(found);
  }
  [[nodiscard]] std::optional<std::uint8_t> u8(int attribute) const {
    nlattr* found = find(attribute);
    if (found == nullptr || nla_len(found) < 1) return std::nullopt;
    return nla_get_u8(found);
  }

 private:
  std::array<nlattr*, std::size_t{kMax} + 1> table_{};
};

template <typename Header>
const Header& header_of(const nlmsghdr& message) {
  return *static_cast<const Header*>(nlmsg_data(&message));
}

std::optional<Family> family_of(std::uint8_t address_family) {
  if (address_family == AF_INET) return Family::kIpv4;
  if (address_family == AF_INET6) return Family::kIpv6;
  return std::nullopt;
}

std::optional<IpAddress> address_in(nlattr* attribute, Family family) {
  if (attribute == nullptr) return std::nullopt;
  const ByteView bytes(static_cast<const std::uint8_t*>(nla_data(attribute)),
                       static_cast<std::size_t>(nla_len(attribute)));
  if (family == Family::kIpv4) {
    return bytes.size() == 4 ? std::optional(IpAddress::v4(bytes.first<4>())) : std::nullopt;
  }
  return bytes.size() == 16 ? std::optional(IpAddress::v6(bytes.first<16>())) : std::nullopt;
}

/// IFLA_AF_SPEC has one attribute per family, numbered by it; the mode is inside that of AF_INET6.
std::optional<std::uint8_t> address_generation_in(nlattr* specification) {
  if (specification == nullptr) return std::nullopt;
  nlattr* inet6 = nla_find(static_cast<nlattr*>(nla_data(specification)), nla_len(specification), AF_INET6);
  if (inet6 == nullptr) return std::nullopt;
  nlattr* mode = nla_find(static_cast<nlattr*>(nla_data(inet6)), nla_len(inet6), IFLA_INET6_ADDR_GEN_MODE);
  if (mode == nullptr || nla_len(mode) < 1) return std::nullopt;
  return nla_get_u8(mode);
}

std::optional<MacAddress> mac_address_in(nlattr* attribute) {
  if (attribute == nullptr || nla_len(attribute) != int{MacAddress::kSize}) return std::nullopt;
  return MacAddress(std::span<const std::uint8_t, MacAddress::kSize>(
      static_cast<const std::uint8_t*>(nla_data(attribute)), MacAddress::kSize));
}

/// An index in another namespace is meaningless here.
std::uint32_t lower_in(const Attributes<IFLA_LINK_NETNSID>& attributes) {
  if (attributes.find(IFLA_LINK_NETNSID) != nullptr) return 0;
  return attributes.u32(IFLA_LINK).value_or(0);
}
std::string kind_in(nlattr* information) {
  if (information == nullptr) return "";
  nlattr* kind = nla_find(static_cast<nlattr*>(nla_data(information)), nla_len(information), IFLA_INFO_KIND);
  if (kind == nullptr) return "";
  const auto* characters = static_cast<const char*>(nla_data(kind));
  return std::string(characters, strnlen(characters, static_cast<std::size_t>(nla_len(kind))));
}

std::optional<TunLink> tun_in(nlattr* information) {
  if (information == nullptr || kind_in(information) != "tun") return std::nullopt;
  nlattr* data = nla_find(static_cast<nlattr*>(nla_data(information)), nla_len(information), IFLA_INFO_DATA);
  if (data == nullptr) return std::nullopt;
  const auto find = [data](int type, int size) -> nlattr* {
    nlattr* found = nla_find(static_cast<nlattr*>(nla_data(data)), nla_len(data), type);
    return found != nullptr && nla_len(found) >= size ? found : nullptr;
  };
  const auto is_set = [&find](int type) {
    nlattr* found = find(type, 1);
    return found != nullptr && nla_get_u8(found) != 0;
  };
  nlattr* queues = find(IFLA_TUN_NUM_QUEUES, 4);
  return TunLink{.multi_queue = is_set(IFLA_TUN_MULTI_QUEUE),
                 .packet_info = is_set(IFLA_TUN_PI),
                 .has_header = is_set(IFLA_TUN_VNET_HDR),
                 .open_queues = queues != nullptr ? nla_get_u32(queues) : 0};
}

}  // namespace

std::uint8_t address_family(Family family) {
  return family == Family::kIpv4 ? AF_INET : AF_INET6;
}

std::optional<Link> read_link(const nlmsghdr& message) {
  const auto attributes = Attributes<IFLA_LINK_NETNSID>::of<ifinfomsg>(message);
  if (!attributes) return std::nullopt;
  const auto& info = header_of<ifinfomsg>(message);
  nlattr* name = attributes->find(IFLA_IFNAME);
  // Bridges and IPv6 send link messages of a family of their own.
  if (info.ifi_family != AF_UNSPEC || name == nullptr) return std::nullopt;
  const auto* characters = static_cast<const char*>(nla_data(name));
  return Link{.index = static_cast<std::uint32_t>(info.ifi_index),
              .name = std::string(characters, strnlen(characters, static_cast<std::size_t>(nla_len(name)))),
              .mtu = attributes->u32(IFLA_MTU).value_or(0),
              .up = (info.ifi_flags & IFF_UP) != 0,
              .running = (info.ifi_flags & IFF_RUNNING) != 0,
              .address_generation = address_generation_in(attributes->find(IFLA_AF_SPEC)),
              .address = mac_address_in(attributes->find(IFLA_ADDRESS)),
              .master = attributes->u32(IFLA_MASTER).value_or(0),
              .kind = kind_in(attributes->find(IFLA_LINKINFO)),
              .lower = lower_in(*attributes),
              .tun = tun_in(attributes->find(IFLA_LINKINFO))};
}

std::optional<InterfaceAddress> read_address(const nlmsghdr& message) {
  const auto attributes = Attributes<IFA_MAX>::of<ifaddrmsg>(message);
  if (!attributes) return std::nullopt;
  const auto& info = header_of<ifaddrmsg>(message);
  const auto family = family_of(info.ifa_family);
  if (!family) return std::nullopt;
  // With a peer address, IFA_ADDRESS is the peer's and IFA_LOCAL our own; IPv6 has no IFA_LOCAL otherwise.
  auto address = address_in(attributes->find(IFA_LOCAL), *family);
  if (!address) address = address_in(attributes->find(IFA_ADDRESS), *family);
  if (!address) return std::nullopt;
  return InterfaceAddress{.interface_index = info.ifa_index,
                          .address = {.address = *address, .length = info.ifa_prefixlen}};
}

std::optional<Route> read_route(const nlmsghdr& message) {
  const auto attributes = Attributes<RTA_MAX>::of<rtmsg>(message);
  if (!attributes) return std::nullopt;
  const auto& info = header_of<rtmsg>(message);
  const auto family = family_of(info.rtm_family);
  if (!family || (info.rtm_flags & RTM_F_CLONED) != 0) return std::nullopt;
  const auto destination = address_in(attributes->find(RTA_DST), *family);
  return Route{
      .destination = {.address = destination.value_or(IpAddress::unspecified(*family)),
                      .length = info.rtm_dst_len},
      .table = attributes->u32(RTA_TABLE).value_or(info.rtm_table),
      .metric = attributes->u32(RTA_PRIORITY),
      .interface_index = attributes->u32(RTA_OIF).value_or(0),
      .protocol = info.rtm_protocol,
      .has_gateway = attributes->find(RTA_GATEWAY) != nullptr || attributes->find(RTA_VIA) != nullptr};
}

std::optional<ResolvedRoute> read_resolved_route(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWROUTE) return std::nullopt;
  const auto attributes = Attributes<RTA_MAX>::of<rtmsg>(message);
  if (!attributes) return std::nullopt;
  const auto interface_index = attributes->u32(RTA_OIF);
  if (!interface_index) return std::nullopt;
  const auto family = family_of(header_of<rtmsg>(message).rtm_family);
  if (!family) return std::nullopt;
  ResolvedRoute route{.interface_index = *interface_index,
                      .source = address_in(attributes->find(RTA_PREFSRC), *family),
                      .gateway = address_in(attributes->find(RTA_GATEWAY), *family)};
  if (nlattr* metrics = attributes->find(RTA_METRICS); metrics != nullptr) {
    std::array<nlattr*, RTAX_MAX + 1> table{};
    if (nla_parse_nested(table.data(), RTAX_MAX, metrics, nullptr) < 0) return std::nullopt;
    nlattr* mtu = table[RTAX_MTU];
    if (mtu != nullptr && nla_len(mtu) >= 4 && nla_get_u32(mtu) != 0) route.mtu = nla_get_u32(mtu);
  }
  return route;
}

std::optional<Rule> read_rule(const nlmsghdr& message) {
  const auto attributes = Attributes<FRA_MAX>::of<fib_rule_hdr>(message);
  if (!attributes) return std::nullopt;
  const auto& info = header_of<fib_rule_hdr>(message);
  const auto family = family_of(info.family);
  if (!family) return std::nullopt;
  // The kernel encodes "suppress nothing" as -1.
  auto suppress = attributes->u32(FRA_SUPPRESS_PREFIXLEN);
  if (suppress == 0xffffffff) suppress.reset();
  std::optional<IpPrefix> destination;
  if (const auto address = address_in(attributes->find(FRA_DST), *family)) {
    destination = IpPrefix{.address = *address, .length = info.dst_len};
  }
  return Rule{.family = *family,
              .priority = attributes->u32(FRA_PRIORITY).value_or(0),
              .table = attributes->u32(FRA_TABLE).value_or(info.table),
              .destination = destination,
              .mark = attributes->u32(FRA_FWMARK),
              .mark_mask = attributes->u32(FRA_FWMASK).value_or(0xffffffff),
              .invert = (info.flags & FIB_RULE_INVERT) != 0,
              .suppress_prefix_length = suppress,
              .protocol = attributes->u8(FRA_PROTOCOL).value_or(0)};
}

}  // namespace tunneld::net
