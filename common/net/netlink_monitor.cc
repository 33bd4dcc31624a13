#include "common/net/netlink_monitor.h"

#include <cerrno>
#include <system_error>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "common/net/netlink_message.h"
#include "common/system_error.h"

namespace tunneld::net {
namespace {

/// The largest notice describes a link with many virtual functions; the kernel builds none above 32 KiB.
constexpr std::size_t kLargestNotice = 65536;

template <typename Event, typename Value>
std::optional<NetworkEvent> event(const nlmsghdr& message, Happened happened, std::optional<Value> value) {
  if (!value) return std::nullopt;
  return Event{happened, std::move(*value), message.nlmsg_pid};
}

std::optional<NetworkEvent> event_of(const nlmsghdr& message) {
  switch (message.nlmsg_type) {
    case RTM_NEWLINK:
      return event<LinkEvent>(message, Happened::kSet, read_link(message));
    case RTM_DELLINK:
      return event<LinkEvent>(message, Happened::kRemoved, read_link(message));
    case RTM_NEWADDR:
      return event<AddressEvent>(message, Happened::kSet, read_address(message));
    case RTM_DELADDR:
      return event<AddressEvent>(message, Happened::kRemoved, read_address(message));
    case RTM_NEWROUTE:
      return event<RouteEvent>(message, Happened::kSet, read_route(message));
    case RTM_DELROUTE:
      return event<RouteEvent>(message, Happened::kRemoved, read_route(message));
    case RTM_NEWRULE:
      return event<RuleEvent>(message, Happened::kSet, read_rule(message));
    case RTM_DELRULE:
      return event<RuleEvent>(message, Happened::kRemoved, read_rule(message));
    default:
      return std::nullopt;
  }
}

}  // namespace

NetlinkMonitor::NetlinkMonitor()
    : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE)),
      buffer_(kLargestNotice) {
  if (!socket_.is_open()) fail(errno, "cannot open a netlink socket");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fail(errno, "cannot bind a netlink socket");
  }
  for (const int group : {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
                          RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE}) {
    if (::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
      fail(errno, "cannot watch the network's changes");
    }
  }
}

void NetlinkMonitor::read(std::vector<NetworkEvent>& events) {
  for (;;) {
    sockaddr_nl sender{};
    socklen_t sender_length = sizeof sender;
    const ssize_t received = ::recvfrom(socket_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC,
                                        reinterpret_cast<sockaddr*>(&sender), &sender_length);
    if (received < 0) {
      if (errno == EINTR) continue;
      if (errno == ENOBUFS) {
        events.emplace_back(Resynchronise{});
        continue;
      }
      return;
    }
    if (sender.nl_pid != 0) continue;
    if (static_cast<std::size_t>(received) > buffer_.size()) {
      events.emplace_back(Resynchronise{});
      continue;
    }
    auto remaining = static_cast<int>(received);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer_.data()); nlmsg_ok(message, remaining) != 0;
         message = nlmsg_next(message, &remaining)) {
      if (auto event = event_of(*message)) events.push_back(std::move(*event));
    }
  }
}

}  // namespace tunneld::net
