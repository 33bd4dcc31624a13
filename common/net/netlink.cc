#include "common/net/netlink.h"

#include <cerrno>
#include <system_error>

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>

#include "common/net/dummy_address.h"
#include "common/net/netlink_message.h"

namespace tunneld::net {
namespace {

using Reason = NetlinkError::Reason;

/// If the tables change during a dump, it starts over; this many tries are enough for a busy host.
constexpr int kDumpTries = 10;

constexpr std::uint32_t kDefaultIpv6Metric = 1024;  // IP6_RT_PRIO_USER, linux/ipv6_route.h

Reason reason_of(int error) {
  switch (error) {
    case EEXIST:
      return Reason::kExists;
    case ENOENT:
    case ESRCH:
    case ENODEV:
    case EADDRNOTAVAIL:
      return Reason::kNotFound;
    case EPERM:
      return Reason::kNotPermitted;
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
      return Reason::kNotSupported;
    default:
      return Reason::kOther;
  }
}

/// The kernel's answer to one request.
struct Answer {
  const std::function<void(const nlmsghdr&)>& read;
  bool complete = false;
  int error = 0;  ///< errno; 0 is success
  std::string explanation;
};

int on_message(nl_msg* message, void* argument) {
  static_cast<Answer*>(argument)->read(*nlmsg_hdr(message));
  return NL_OK;
}

int on_end(nl_msg*, void* argument) {
  static_cast<Answer*>(argument)->complete = true;
  return NL_STOP;
}

/// With NETLINK_CAP_ACK only the request's header precedes the attributes.
std::string explanation_in(const nlmsgerr& error) {
  const auto* header = reinterpret_cast<const nlmsghdr*>(&error) - 1;
  if ((header->nlmsg_flags & NLM_F_ACK_TLVS) == 0 || (header->nlmsg_flags & NLM_F_CAPPED) == 0) return "";
  const auto length = static_cast<int>(header->nlmsg_len) - static_cast<int>(NLMSG_LENGTH(sizeof error));
  const nlattr* text = nla_find(reinterpret_cast<const nlattr*>(&error + 1), length, NLMSGERR_ATTR_MSG);
  if (text == nullptr) return "";
  const auto* characters = static_cast<const char*>(nla_data(text));
  return std::string(characters, strnlen(characters, static_cast<std::size_t>(nla_len(text))));
}

int on_error(sockaddr_nl*, nlmsgerr* error, void* argument) {
  auto* answer = static_cast<Answer*>(argument);
  answer->complete = true;
  answer->error = -error->error;
  answer->explanation = explanation_in(*error);
  return NL_STOP;
}

struct CallbackDeleter {
  void operator()(nl_cb* callbacks) const { nl_cb_put(callbacks); }
};

[[noreturn]] void throw_error(const std::string& what, const Answer& answer) {
  std::string words = what + ": " + std::generic_category().message(answer.error);
  if (!answer.explanation.empty()) words += " (" + answer.explanation + ")";
  throw NetlinkError(reason_of(answer.error), words);
}

ifaddrmsg address_header(const InterfaceAddress& address) {
  ifaddrmsg info{};
  info.ifa_family = address_family(address.address.address.family());
  info.ifa_prefixlen = address.address.length;
  info.ifa_index = address.interface_index;
  if (!address.address.address.is_v4()) info.ifa_flags = IFA_F_NODAD;
  if (address.address == dummy_address()) info.ifa_scope = RT_SCOPE_HOST;
  return info;
}

rtmsg route_header(const Route& route) {
  rtmsg info{};
  info.rtm_family = address_family(route.destination.address.family());
  info.rtm_dst_len = route.destination.length;
  info.rtm_protocol = route.protocol;
  return info;
}

void put_route(NetlinkMessage& message, const Route& route) {
  message.put(RTA_DST, route.destination.address);
  message.put_u32(RTA_TABLE, route.table);
  message.put_u32(RTA_OIF, route.interface_index);
}

void put_rule(NetlinkMessage& message, const Rule& rule) {
  fib_rule_hdr info{};
  info.family = address_family(rule.family);
  info.action = FR_ACT_TO_TBL;
  info.flags = rule.invert ? FIB_RULE_INVERT : 0;
  if (rule.destination) info.dst_len = rule.destination->length;
  message.header(info);
  if (rule.destination) message.put(FRA_DST, rule.destination->address);
  message.put_u32(FRA_PRIORITY, rule.priority);
  message.put_u32(FRA_TABLE, rule.table);
  message.put_u8(FRA_PROTOCOL, rule.protocol);
  if (rule.mark) {
    message.put_u32(FRA_FWMARK, *rule.mark);
    message.put_u32(FRA_FWMASK, rule.mark_mask);
  }
  if (rule.suppress_prefix_length) message.put_u32(FRA_SUPPRESS_PREFIXLEN, *rule.suppress_prefix_length);
}

}  // namespace

void Netlink::SocketDeleter::operator()(nl_sock* socket) const {
  nl_socket_free(socket);
}

Netlink::Netlink() {
  open();
}

Netlink::~Netlink() = default;

void Netlink::open() {
  socket_.reset(nl_socket_alloc());
  if (!socket_) throw std::bad_alloc();
  if (const int error = nl_connect(socket_.get(), NETLINK_ROUTE); error < 0) {
    socket_.reset();
    throw NetlinkError(error == -NLE_PERM ? Reason::kNotPermitted : Reason::kOther,
                       std::string("cannot open a netlink socket: ") + nl_geterror(error));
  }
  // Optional: kernels before 4.12 and 4.20 explain less and do not filter, and everything still works.
  const int on = 1;
  for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK}) {
    setsockopt(nl_socket_get_fd(socket_.get()), SOL_NETLINK, option, &on, sizeof on);
  }
}

bool Netlink::exchange(NetlinkMessage& message, const std::string& what, const Reader& read) {
  if (!socket_) open();
  Answer answer{.read = read, .explanation = {}};
  const std::unique_ptr<nl_cb, CallbackDeleter> callbacks(nl_cb_alloc(NL_CB_DEFAULT));
  if (!callbacks) throw std::bad_alloc();
  nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, on_message, &answer);
  nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, on_end, &answer);
  nl_cb_set(callbacks.get(), NL_CB_FINISH, NL_CB_CUSTOM, on_end, &answer);
  nl_cb_err(callbacks.get(), NL_CB_CUSTOM, on_error, &answer);

  int result = nl_send_auto(socket_.get(), message.raw());
  while (result >= 0 && !answer.complete) result = nl_recvmsgs(socket_.get(), callbacks.get());
  if (answer.error == 0 && result >= 0) return true;

  socket_.reset();
  if (answer.error != 0) throw_error(what, answer);
  if (result == -NLE_DUMP_INTR) return false;
  throw NetlinkError(Reason::kOther, what + ": " + nl_geterror(result));
}

void Netlink::request(NetlinkMessage& message, const std::string& what) {
  exchange(message, what, [](const nlmsghdr&) {});
}

template <typename Object, typename Ask, typename Read>
std::vector<Object> Netlink::dump(const std::string& what, const Ask& ask, const Read& read) {
  for (int i = 0; i < kDumpTries; ++i) {
    std::vector<Object> objects;
    NetlinkMessage message = ask();
    const bool consistent = exchange(message, what, [&](const nlmsghdr& reply) {
      if (auto object = read(reply)) objects.push_back(std::move(*object));
    });
    if (consistent) return objects;
  }
  throw NetlinkError(Reason::kOther, what + ": they change faster than they can be read");
}

Link Netlink::link(std::uint32_t interface_index) {
  NetlinkMessage message(RTM_GETLINK, 0);
  ifinfomsg info{};
  info.ifi_index = static_cast<int>(interface_index);
  message.header(info);
  std::optional<Link> found;
  const std::string what = "cannot query interface " + std::to_string(interface_index);
  exchange(message, what, [&](const nlmsghdr& reply) { found = read_link(reply); });
  if (!found) throw NetlinkError(Reason::kNotFound, what);
  return *found;
}

void Netlink::set_link(std::uint32_t interface_index, const LinkSettings& settings) {
  NetlinkMessage message(RTM_NEWLINK, 0);
  ifinfomsg info{};
  info.ifi_index = static_cast<int>(interface_index);
  if (settings.up) {
    info.ifi_flags = *settings.up ? IFF_UP : 0;
    info.ifi_change = IFF_UP;
  }
  message.header(info);
  if (settings.mtu) message.put_u32(IFLA_MTU, *settings.mtu);
  if (settings.address) message.put(IFLA_ADDRESS, settings.address->bytes());
  if (settings.master) message.put_u32(IFLA_MASTER, *settings.master);
  if (settings.address_generation) {
    nlattr* families = message.begin_nest(IFLA_AF_SPEC);
    nlattr* inet6 = message.begin_nest(AF_INET6);
    message.put_u8(IFLA_INET6_ADDR_GEN_MODE, *settings.address_generation);
    message.end_nest(inet6);
    message.end_nest(families);
  }
  request(message, "cannot set up interface " + std::to_string(interface_index));
}

void Netlink::add_bridge(const std::string& name, bool spanning_tree, std::uint32_t index) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(index);
  message.header(header);
  message.put(IFLA_IFNAME, name);
  nlattr* info = message.begin_nest(IFLA_LINKINFO);
  message.put(IFLA_INFO_KIND, std::string("bridge"));
  nlattr* data = message.begin_nest(IFLA_INFO_DATA);
  message.put_u32(IFLA_BR_STP_STATE, spanning_tree ? 1 : 0);
  message.end_nest(data);
  message.end_nest(info);
  request(message, "cannot make the bridge " + name);
}

void Netlink::remove_link(std::uint32_t interface_index) {
  NetlinkMessage message(RTM_DELLINK, 0);
  ifinfomsg info{};
  info.ifi_index = static_cast<int>(interface_index);
  message.header(info);
  request(message, "cannot remove interface " + std::to_string(interface_index));
}

std::vector<Link> Netlink::links() {
  return dump<Link>(
      "cannot list interfaces",
      [] {
        NetlinkMessage message(RTM_GETLINK, NLM_F_DUMP);
        message.header(ifinfomsg{});
        return message;
      },
      read_link);
}

std::vector<Link> Netlink::links_of(std::uint32_t master) {
  return dump<Link>(
      "cannot list interfaces",
      [&] {
        NetlinkMessage message(RTM_GETLINK, NLM_F_DUMP);
        message.header(ifinfomsg{});
        message.put_u32(IFLA_MASTER, master);
        return message;
      },
      [&](const nlmsghdr& reply) {
        auto link = read_link(reply);
        return link && link->master == master ? link : std::nullopt;
      });
}

std::vector<InterfaceAddress> Netlink::addresses(std::uint32_t interface_index) {
  return dump<InterfaceAddress>(
      "cannot list addresses",
      [&] {
        NetlinkMessage message(RTM_GETADDR, NLM_F_DUMP);
        ifaddrmsg info{};
        info.ifa_index = interface_index;
        message.header(info);
        return message;
      },
      [&](const nlmsghdr& reply) {
        const auto address = read_address(reply);
        return address && address->interface_index == interface_index ? address : std::nullopt;
      });
}

void Netlink::add_address(const InterfaceAddress& added) {
  NetlinkMessage message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  message.header(address_header(added));
  message.put(IFA_LOCAL, added.address.address);
  message.put(IFA_ADDRESS, added.address.address);
  request(message, "cannot add the address " + added.address.to_string());
}

void Netlink::remove_address(const InterfaceAddress& removed) {
  NetlinkMessage message(RTM_DELADDR, 0);
  message.header(address_header(removed));
  message.put(IFA_LOCAL, removed.address.address);
  message.put(IFA_ADDRESS, removed.address.address);
  request(message, "cannot remove the address " + removed.address.to_string());
}

std::vector<Route> Netlink::routes(const RouteFilter& filter) {
  return dump<Route>(
      "cannot list routes",
      [&] {
        NetlinkMessage message(RTM_GETROUTE, NLM_F_DUMP);
        rtmsg info{};
        info.rtm_family = address_family(filter.family);
        info.rtm_protocol = filter.protocol.value_or(0);
        message.header(info);
        if (filter.table) message.put_u32(RTA_TABLE, *filter.table);
        if (filter.interface_index) message.put_u32(RTA_OIF, *filter.interface_index);
        return message;
      },
      [&](const nlmsghdr& reply) {
        auto route = read_route(reply);
        const bool wanted = route && (!filter.table || route->table == *filter.table) &&
                            (!filter.interface_index || route->interface_index == *filter.interface_index) &&
                            (!filter.protocol || route->protocol == *filter.protocol);
        return wanted ? route : std::nullopt;
      });
}

void Netlink::add_route(const Route& route) {
  NetlinkMessage message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
  rtmsg info = route_header(route);
  // IPv4 requires link scope for a route without a gateway; IPv6 ignores it.
  info.rtm_scope = RT_SCOPE_LINK;
  info.rtm_type = RTN_UNICAST;
  message.header(info);
  put_route(message, route);
  if (route.metric) message.put_u32(RTA_PRIORITY, *route.metric);
  request(message, "cannot add the route " + route.destination.to_string());
}

void Netlink::remove_route(const Route& route) {
  NetlinkMessage message(RTM_DELROUTE, 0);
  rtmsg info = route_header(route);
  info.rtm_scope = RT_SCOPE_NOWHERE;  // any
  message.header(info);
  put_route(message, route);
  // Without a metric IPv6 removes the first route that otherwise matches, not the one with the default
  // metric.
  const bool is_v6 = !route.destination.address.is_v4();
  if (route.metric || is_v6) message.put_u32(RTA_PRIORITY, route.metric.value_or(kDefaultIpv6Metric));
  request(message, "cannot remove the route " + route.destination.to_string());
}

ResolvedRoute Netlink::resolve_route(const IpAddress& address, std::uint32_t scope_id, std::uint32_t mark) {
  NetlinkMessage message(RTM_GETROUTE, 0);
  rtmsg info{};
  info.rtm_family = address_family(address.family());
  info.rtm_dst_len = static_cast<std::uint8_t>(address_bits(address.family()));
  message.header(info);
  message.put(RTA_DST, address);
  if (scope_id != 0) message.put_u32(RTA_OIF, scope_id);
  if (mark != 0) message.put_u32(RTA_MARK, mark);
  std::optional<ResolvedRoute> found;
  const std::string what = "no route to " + address.to_string();
  exchange(message, what, [&](const nlmsghdr& reply) { found = read_resolved_route(reply); });
  if (!found) throw NetlinkError(Reason::kNotFound, what);
  return *found;
}

std::vector<Rule> Netlink::rules(Family family) {
  return dump<Rule>(
      "cannot list rules",
      [&] {
        NetlinkMessage message(RTM_GETRULE, NLM_F_DUMP);
        fib_rule_hdr info{};
        info.family = address_family(family);
        message.header(info);
        return message;
      },
      read_rule);
}

void Netlink::add_rule(const Rule& rule) {
  NetlinkMessage message(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
  put_rule(message, rule);
  request(message, "cannot add the rule " + std::to_string(rule.priority));
}

void Netlink::remove_rule(const Rule& rule) {
  NetlinkMessage message(RTM_DELRULE, 0);
  put_rule(message, rule);
  request(message, "cannot remove the rule " + std::to_string(rule.priority));
}

}  // namespace tunneld::net
