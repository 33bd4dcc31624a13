// Turns on a family's forwarding, and later restores all settings that this changes.
//
// The kernel's setting changes many others: each interface's own `forwarding`, and with IPv4
// `accept_redirects`. Besides, a host that forwards IPv6 ignores router advertisements unless `accept_ra` is
// 2, so a server that gets its default route from one would cut itself off. So all settings that may change
// are recorded first.
#pragma once

#include <map>

#include "common/net/ip_address.h"
#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

/// The host passes packets of a family from one interface to another.
struct ForwardingOn {
  net::Family family = net::Family::kIpv4;
  /// The tunnel's interface. Its `accept_ra` does not become 2, because no peer may become this host's
  /// router. Only prepare() uses it.
  std::string own_interface{};
  /// The old value of each setting that apply() may change. The names are those of read_sysctl().
  std::map<std::string, std::string> before{};
  bool operator==(const ForwardingOn& other) const { return family == other.family; }

  static constexpr std::string_view kName = "forwarding";
  [[nodiscard]] std::string in_words() const;
  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static std::optional<ForwardingOn> from_json(const Json& json);
  [[nodiscard]] Preparation prepare(net::Netlink& netlink);
  void apply(net::Netlink& netlink) const;
  [[nodiscard]] Undone undo(net::Netlink& netlink) const;
  [[nodiscard]] Standing standing(HostState& now) const;
  void take_before(const ForwardingOn& other) { before = other.before; }
};

}  // namespace tunneld::daemon
