#include "daemon/icmp_error_reader.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

namespace tunneld::daemon {
namespace {

constexpr const char* kNothingListens =
    "nothing listens there: is tunneld or WireGuard running on that host, and is this its port?";
constexpr const char* kNoRouteHere = "this host has no route there";
constexpr const char* kHostIsOff = "that host cannot be reached: it is off, or the address is wrong";

std::string said_by(const IcmpRefusal& refusal) {
  return refusal.sender ? " (ICMP from " + refusal.sender->to_string() + ")" : "";
}

std::string forbidden(const IcmpRefusal& refusal) {
  return "a firewall on the way, or on that host, forbids it" + said_by(refusal) +
         ": let UDP to this port pass there";
}

std::string words_of_icmp(const IcmpRefusal& refusal) {
  switch (refusal.code) {
    case ICMP_PORT_UNREACH:
      return kNothingListens;
    case ICMP_NET_ANO:
    case ICMP_HOST_ANO:
    case ICMP_PKT_FILTERED:
    case ICMP_PREC_VIOLATION:
    case ICMP_PREC_CUTOFF:
      return forbidden(refusal);
    case ICMP_NET_UNREACH:
    case ICMP_NET_UNKNOWN:
    case ICMP_NET_UNR_TOS:
      return "a router on the way has no route there" + said_by(refusal);
    case ICMP_PROT_UNREACH:
      return "that host does not speak UDP" + said_by(refusal);
    default:
      return kHostIsOff + said_by(refusal);
  }
}

std::string words_of_icmpv6(const IcmpRefusal& refusal) {
  // RFC 4443: 5 is "source address failed policy", 6 "reject route to destination".
  constexpr std::uint8_t kPolicyFailed = 5;
  constexpr std::uint8_t kRejectRoute = 6;
  switch (refusal.code) {
    case ICMP6_DST_UNREACH_NOPORT:
      return kNothingListens;
    case ICMP6_DST_UNREACH_ADMIN:
    case kPolicyFailed:
    case kRejectRoute:
      return forbidden(refusal);
    case ICMP6_DST_UNREACH_NOROUTE:
      return "a router on the way has no route there" + said_by(refusal);
    default:
      return kHostIsOff + said_by(refusal);
  }
}

}  // namespace

bool IcmpRefusal::nothing_listens() const {
  if (icmp == net::Family::kIpv4) return type == ICMP_DEST_UNREACH && code == ICMP_PORT_UNREACH;
  return icmp == net::Family::kIpv6 && type == ICMP6_DST_UNREACH && code == ICMP6_DST_UNREACH_NOPORT;
}

std::optional<IcmpRefusal> read_refusal(int socket, MutableBytes quotation) {
  std::array<std::byte, 512> control{};
  sockaddr_storage destination{};
  iovec part{.iov_base = quotation.data(), .iov_len = quotation.size()};
  msghdr message{};
  message.msg_name = &destination;
  message.msg_namelen = sizeof destination;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t quoted = ::recvmsg(socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
  if (quoted < 0) return std::nullopt;
  for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr; item = CMSG_NXTHDR(&message, item)) {
    const bool v4 = item->cmsg_level == SOL_IP && item->cmsg_type == IP_RECVERR;
    const bool v6 = item->cmsg_level == SOL_IPV6 && item->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) continue;
    const auto* error = reinterpret_cast<const sock_extended_err*>(CMSG_DATA(item));
    IcmpRefusal refusal{
        .error = static_cast<int>(error->ee_errno), .type = error->ee_type, .code = error->ee_code};
    if (error->ee_origin == SO_EE_ORIGIN_ICMP) refusal.icmp = net::Family::kIpv4;
    if (error->ee_origin == SO_EE_ORIGIN_ICMP6) refusal.icmp = net::Family::kIpv6;
    refusal.quoted = static_cast<std::size_t>(quoted);
    if (message.msg_namelen > 0) {
      refusal.destination = net::SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr&>(destination));
    }
    if (refusal.icmp) {
      const auto* sender = reinterpret_cast<const sockaddr*>(SO_EE_OFFENDER(error));
      if (const auto address = net::SocketAddress::from_sockaddr(*sender)) refusal.sender = address->address;
    }
    return refusal;
  }
  return std::nullopt;
}

std::string words_of_refusal(const IcmpRefusal& refusal) {
  if (refusal.icmp == net::Family::kIpv4 && refusal.type == ICMP_DEST_UNREACH) return words_of_icmp(refusal);
  if (refusal.icmp == net::Family::kIpv6 && refusal.type == ICMP6_DST_UNREACH)
    return words_of_icmpv6(refusal);
  switch (refusal.error) {
    case ECONNREFUSED:
      return kNothingListens;
    case ENETUNREACH:
      return kNoRouteHere;
    case EHOSTUNREACH:
      return kHostIsOff;
    case EACCES:
    case EPERM:
      return "a firewall on this host forbids it";
    default:
      return std::generic_category().message(refusal.error);
  }
}

}  // namespace tunneld::daemon
