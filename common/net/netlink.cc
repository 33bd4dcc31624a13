#include "common/net/netlink.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

namespace tunneld::net {
namespace {

NetlinkError::Reason reason_of(int error) {
  switch (-error) {
    case NLE_EXIST:
      return NetlinkError::Reason::kExists;
    case NLE_OBJ_NOTFOUND:
    case NLE_NODEV:
    case NLE_NOADDR:
      return NetlinkError::Reason::kNotFound;
    case NLE_PERM:
      return NetlinkError::Reason::kNotPermitted;
    default:
      return NetlinkError::Reason::kOther;
  }
}

std::uint8_t family_of(const IpAddress& address) {
  return address.is_v4() ? AF_INET : AF_INET6;
}

}  // namespace

/// One request under construction.
struct Netlink::Message {
  Message(int type, int flags) : raw(nlmsg_alloc_simple(type, flags)) {
    if (!raw) throw std::bad_alloc();
  }
  template <typename Header>
  void header(const Header& value) {
    check(nlmsg_append(raw.get(), const_cast<Header*>(&value), sizeof value, NLMSG_ALIGNTO));
  }
  void put(int attribute, const IpAddress& address) {
    check(nla_put(raw.get(), attribute, static_cast<int>(address.bytes().size()), address.bytes().data()));
  }
  void put(int attribute, std::uint32_t value) { check(nla_put_u32(raw.get(), attribute, value)); }
  static void check(int result) {
    if (result < 0) throw std::bad_alloc();
  }

  struct Deleter {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
  };
  std::unique_ptr<nl_msg, Deleter> raw;
};

void Netlink::SocketDeleter::operator()(nl_sock* socket) const {
  nl_socket_free(socket);
}

Netlink::Netlink() : socket_(nl_socket_alloc()) {
  if (!socket_) throw std::bad_alloc();
  if (const int error = nl_connect(socket_.get(), NETLINK_ROUTE); error < 0) {
    throw NetlinkError(reason_of(error), std::string("cannot open a netlink socket: ") + nl_geterror(error));
  }
}

Netlink::~Netlink() = default;

void Netlink::send(Message& message, const std::string& what) {
  // nl_send_sync frees the message, whatever happens.
  const int error = nl_send_sync(socket_.get(), message.raw.release());
  if (error < 0) throw NetlinkError(reason_of(error), what + ": " + nl_geterror(error));
}

void Netlink::set_link_up(std::uint32_t interface_index, std::uint32_t mtu) {
  Message message(RTM_NEWLINK, 0);
  ifinfomsg info{};
  info.ifi_index = static_cast<int>(interface_index);
  info.ifi_flags = IFF_UP;
  info.ifi_change = IFF_UP;
  message.header(info);
  message.put(IFLA_MTU, mtu);
  send(message, "cannot set the link up with mtu " + std::to_string(mtu));
}

void Netlink::disable_automatic_link_local(std::uint32_t interface_index) {
  Message message(RTM_NEWLINK, 0);
  ifinfomsg info{};
  info.ifi_index = static_cast<int>(interface_index);
  message.header(info);
  nlattr* spec = nla_nest_start(message.raw.get(), IFLA_AF_SPEC);
  nlattr* inet6 = nla_nest_start(message.raw.get(), AF_INET6);
  Message::check(nla_put_u8(message.raw.get(), IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE));
  nla_nest_end(message.raw.get(), inet6);
  nla_nest_end(message.raw.get(), spec);
  send(message, "cannot turn off automatic IPv6 addresses");
}

void Netlink::add_address(std::uint32_t interface_index, const IpPrefix& address) {
  Message message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  ifaddrmsg info{};
  info.ifa_family = family_of(address.address);
  info.ifa_prefixlen = address.length;
  info.ifa_index = interface_index;
  // Nobody else can be on a point-to-point link: duplicate address detection would only delay.
  if (!address.address.is_v4()) info.ifa_flags = IFA_F_NODAD;
  message.header(info);
  message.put(IFA_LOCAL, address.address);
  message.put(IFA_ADDRESS, address.address);
  send(message, "cannot add the address " + address.to_string());
}

void Netlink::remove_address(std::uint32_t interface_index, const IpPrefix& address) {
  Message message(RTM_DELADDR, 0);
  ifaddrmsg info{};
  info.ifa_family = family_of(address.address);
  info.ifa_prefixlen = address.length;
  info.ifa_index = interface_index;
  message.header(info);
  message.put(IFA_LOCAL, address.address);
  send(message, "cannot remove the address " + address.to_string());
}

namespace {

rtmsg route_header(const Route& route, bool add) {
  rtmsg info{};
  info.rtm_family = family_of(route.destination.address);
  info.rtm_dst_len = route.destination.length;
  info.rtm_table = route.table < 256 ? static_cast<std::uint8_t>(route.table) : std::uint8_t{RT_TABLE_UNSPEC};
  info.rtm_protocol = route.protocol;
  // IPv4 wants a device route to be of link scope, and takes "nowhere" as "any" when deleting; IPv6 ignores
  // it.
  info.rtm_scope = add ? std::uint8_t{RT_SCOPE_LINK} : std::uint8_t{RT_SCOPE_NOWHERE};
  info.rtm_type = add ? std::uint8_t{RTN_UNICAST} : std::uint8_t{RTN_UNSPEC};
  return info;
}

}  // namespace

void Netlink::add_route(const Route& route) {
  Message message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
  message.header(route_header(route, true));
  message.put(RTA_DST, route.destination.address);
  message.put(RTA_TABLE, route.table);
  message.put(RTA_OIF, route.interface_index);
  if (route.metric) message.put(RTA_PRIORITY, *route.metric);
  send(message, "cannot add the route " + route.destination.to_string());
}

void Netlink::remove_route(const Route& route) {
  Message message(RTM_DELROUTE, 0);
  message.header(route_header(route, false));
  message.put(RTA_DST, route.destination.address);
  message.put(RTA_TABLE, route.table);
  message.put(RTA_OIF, route.interface_index);
  if (route.metric) message.put(RTA_PRIORITY, *route.metric);
  send(message, "cannot remove the route " + route.destination.to_string());
}

}  // namespace tunneld::net
