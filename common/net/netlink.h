// Links, addresses, routes and rules of this network namespace, by rtnetlink(7) over libnl.
//
// A thin layer: each method makes one request and waits for the kernel's answer. Errors are texts, with the
// kernel's own explanation if it gives one. Used at start, at the end and on reload, never per packet. Not
// thread-safe: one object per thread.
//
// After any failure the socket is replaced: otherwise an answer that was never read would be taken for the
// answer to the next request.
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
    kNotSupported,  // the kernel, or this link, does not have the family or feature
    kOther,
  };
  NetlinkError(Reason reason, const std::string& words) : std::runtime_error(words), reason_(reason) {}
  [[nodiscard]] Reason reason() const { return reason_; }

 private:
  Reason reason_;
};

/// What to change; nullopt leaves a setting as it is.
struct LinkSettings {
  std::optional<std::uint32_t> mtu = std::nullopt;
  std::optional<bool> up = std::nullopt;
  /// IN6_ADDR_GEN_MODE_*.
  std::optional<std::uint8_t> address_generation = std::nullopt;
  std::optional<MacAddress> address = std::nullopt;
  /// 0: removes the link from its present master.
  std::optional<std::uint32_t> master = std::nullopt;
};

/// Limits a dump. The kernel filters where it can (Linux 4.20).
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

  /// Makes a bridge, not up. `index`: chosen by the caller; 0: chosen by the kernel. kExists if the name is
  /// taken.
  void add_bridge(const std::string& name, bool spanning_tree, std::uint32_t index = 0);
  void remove_link(std::uint32_t interface_index);
  /// All links of this namespace.
  [[nodiscard]] std::vector<Link> links();
  /// Those that belong to a bridge, bond or VRF.
  [[nodiscard]] std::vector<Link> links_of(std::uint32_t master);

  [[nodiscard]] std::vector<InterfaceAddress> addresses(std::uint32_t interface_index);
  /// IPv6 without duplicate address detection: meant for links without other hosts.
  void add_address(const InterfaceAddress& address);
  void remove_address(const InterfaceAddress& address);

  [[nodiscard]] std::vector<Route> routes(const RouteFilter& filter);
  /// A unicast route directly through the interface. kExists if there is one, whoever made it, with the same
  /// destination, table and metric.
  void add_route(const Route& route);
  /// Only a route with this protocol and interface.
  void remove_route(const Route& route);

  /// How the kernel would now route a packet of this host with this firewall mark (0: none). `scope_id`: for
  /// a link-local address. kNotFound, or kOther, if there is no route.
  [[nodiscard]] ResolvedRoute resolve_route(const IpAddress& address, std::uint32_t scope_id,
                                            std::uint32_t mark);

  [[nodiscard]] std::vector<Rule> rules(Family family);
  /// kExists if there is an equal one, whoever made it.
  void add_rule(const Rule& rule);
  /// Only a rule with this protocol.
  void remove_rule(const Rule& rule);

 private:
  using Reader = std::function<void(const nlmsghdr&)>;

  void open();
  /// Sends the message and waits for the end of the answer; `read` gets each message of it. `what` begins an
  /// error's text. Returns false if the tables changed during a dump, so that the result may be inconsistent.
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
