// Switching a family's forwarding on, and back off without a trace.
//
// The kernel's switch is one setting that writes many: every interface's own `forwarding`, with IPv4 the
// acceptance of redirects. And a host that forwards IPv6 no longer takes its own default route from router
// advertisements, unless `accept_ra` is 2: a server that lives on one would cut itself off. So what may
// change is noted before, and put back after.
#pragma once

#include <map>

#include "common/net/ip_address.h"
#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

/// The host passes packets of a family from one interface to another.
struct ForwardingOn {
  net::Family family = net::Family::kIpv4;
  /// The tunnel's own, which does not get `accept_ra` 2: no peer may become this host's router. Only
  /// prepare() needs it.
  std::string own_interface{};
  /// Setting to value, of all that apply() may change; names as in read_sysctl().
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
