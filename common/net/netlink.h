// Links, addresses, routes and rules of this network namespace, by rtnetlink(7) over libnl.
//
// A thin edge: one method per request, each waits for the kernel's answer, errors come in words (with the
// kernel's own explanation where it gives one). Used at start, at the end and on reload, never per packet.
// Not thread-safe: one object per thread.
//
// After any failure the socket is replaced: an answer that was never fetched would be taken for that of the
// next request.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/net/netlink_types.h"

struct nl_sock;
struct nlmsghdr;

namespace tunneld::net {

class NetlinkMessage;

class NetlinkError : public std::runtime_error {
 public:
  enum class Reason : std::uint8_t {
    kExists,
    kNotFound,
    kNotPermitted,
    kNotSupported,  // the kernel, or this link, has no such family or feature
    kOther,
  };
  NetlinkError(Reason reason, const std::string& words) : std::runtime_error(words), reason_(reason) {}
  [[nodiscard]] Reason reason() const { return reason_; }

 private:
  Reason reason_;
};

/// What to change; nullopt leaves a setting alone.
struct LinkSettings {
  std::optional<std::uint32_t> mtu = std::nullopt;
  std::optional<bool> up = std::nullopt;
  /// IN6_ADDR_GEN_MODE_*.
  std::optional<std::uint8_t> address_generation = std::nullopt;
  std::optional<MacAddress> address = std::nullopt;
  /// 0: leaves the one that it belongs to.
  std::optional<std::uint32_t> master = std::nullopt;
};

/// What a dump should be limited to. The kernel does the work where it can (Linux 4.20).
struct RouteFilter {
  Family family = Family::kIpv4;
  std::optional<std::uint32_t> table = std::nullopt;
  std::optional<std::uint32_t> interface_index = std::nullopt;
  std::optional<std::uint8_t> protocol = std::nullopt;
};

class Netlink {
 public:
  /// Throws NetlinkError, as all methods do.
  Netlink();
  ~Netlink();
  Netlink(const Netlink&) = delete;
  Netlink& operator=(const Netlink&) = delete;

  /// kNotFound if there is no such link.
  [[nodiscard]] Link link(std::uint32_t interface_index);
  void set_link(std::uint32_t interface_index, const LinkSettings& settings);

  /// A new bridge, not up, with an index of the caller's choice (0: the kernel's). kExists if the name is
  /// taken.
  void add_bridge(const std::string& name, bool spanning_tree, std::uint32_t index = 0);
  void remove_link(std::uint32_t interface_index);
  /// All of this namespace.
  [[nodiscard]] std::vector<Link> links();
  /// Those that belong to a bridge, bond or VRF.
  [[nodiscard]] std::vector<Link> links_of(std::uint32_t master);

  [[nodiscard]] std::vector<InterfaceAddress> addresses(std::uint32_t interface_index);
  /// IPv6 without duplicate address detection: for links that nobody else is on.
  void add_address(const InterfaceAddress& address);
  void remove_address(const InterfaceAddress& address);

  [[nodiscard]] std::vector<Route> routes(const RouteFilter& filter);
  /// A unicast route straight out of the interface. kExists if there is one to the same destination with the
  /// same table and metric, whoever made it.
  void add_route(const Route& route);
  /// Only one by that protocol and interface.
  void remove_route(const Route& route);

  /// As the kernel would route an own packet with this firewall mark (0 is none) now. `scope_id`: of a
  /// link-local address. kNotFound, or kOther, without a route.
  [[nodiscard]] Way way_to(const IpAddress& address, std::uint32_t scope_id, std::uint32_t mark);

  [[nodiscard]] std::vector<Rule> rules(Family family);
  /// kExists if there is the same one, whoever made it.
  void add_rule(const Rule& rule);
  /// Only one by that protocol.
  void remove_rule(const Rule& rule);

 private:
  using Reader = std::function<void(const nlmsghdr&)>;

  void open();
  /// Sends, and waits for the end of the answer; `read` gets each message of it. `what` begins an error's
  /// words. False: the tables changed during a dump, so that what was read may be inconsistent.
  bool exchange(NetlinkMessage& message, const std::string& what, const Reader& read);
  void request(NetlinkMessage& message, const std::string& what);
  template <typename Object, typename Ask, typename Read>
  std::vector<Object> dump(const std::string& what, const Ask& ask, const Read& read);

  struct SocketDeleter {
    void operator()(nl_sock* socket) const;
  };
  std::unique_ptr<nl_sock, SocketDeleter> socket_;
};

}  // namespace tunneld::net
