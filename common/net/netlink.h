// Configuration of links, addresses and routes by rtnetlink (rtnetlink(7)), over libnl.
//
// A thin edge: one method per request, errors in words. Used at start, at the end and on reload, never per
// packet.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "common/net/ip_address.h"

struct nl_msg;
struct nl_sock;

namespace tunneld::net {

class NetlinkError : public std::runtime_error {
 public:
  enum class Reason : std::uint8_t { kExists, kNotFound, kNotPermitted, kOther };
  NetlinkError(Reason reason, const std::string& words) : std::runtime_error(words), reason_(reason) {}
  [[nodiscard]] Reason reason() const { return reason_; }

 private:
  Reason reason_;
};

struct Route {
  IpPrefix destination;
  std::uint32_t table = 254;  ///< RT_TABLE_MAIN
  std::optional<std::uint32_t> metric;
  std::uint32_t interface_index = 0;
  /// Who made it (rtm_protocol): ours is kRouteProtocol.
  std::uint8_t protocol = 0;
  bool operator==(const Route&) const = default;
};

/// The rtm_protocol of all our routes, so that they can be told from others' (`ip route show proto 215`).
/// Unused in rtnetlink.h and iproute2's rt_protos.
inline constexpr std::uint8_t kRouteProtocol = 215;

class Netlink {
 public:
  /// Throws NetlinkError.
  Netlink();
  ~Netlink();
  Netlink(const Netlink&) = delete;
  Netlink& operator=(const Netlink&) = delete;

  /// All throw NetlinkError, except where they return whether there was something to do.
  void set_link_up(std::uint32_t interface_index, std::uint32_t mtu);
  /// No link-local address of the kernel's own making: what WireGuard devices have, and users of wg-quick
  /// expect.
  void disable_automatic_link_local(std::uint32_t interface_index);
  void add_address(std::uint32_t interface_index, const IpPrefix& address);
  void remove_address(std::uint32_t interface_index, const IpPrefix& address);
  /// Refuses (kExists) to replace a route with the same destination, table and metric.
  void add_route(const Route& route);
  void remove_route(const Route& route);

 private:
  struct Message;
  void send(Message& message, const std::string& what);

  struct SocketDeleter {
    void operator()(nl_sock* socket) const;
  };
  std::unique_ptr<nl_sock, SocketDeleter> socket_;
};

}  // namespace tunneld::net
