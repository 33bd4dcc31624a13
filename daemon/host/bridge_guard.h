// Keeps the tunnel's own packets off the bridge that its device is a port of. What is sent there may be
// flooded into the device, sealed, sent again, and so on; and a peer that is reached over the bridge is
// already on the network that the tunnel would connect it to.
//
// A firewall could not say which peer is meant, and binding the socket to a device (SO_BINDTODEVICE) would
// take the choice of routes from the routing table. So each route is looked up as the kernel would, and a
// peer whose route ends at the bridge is refused: nothing is sent to it, nothing taken from it, and log and
// status say why.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "common/net/netlink.h"

namespace tunneld::daemon {

class BridgeGuard {
 public:
  /// `device`: what is, or will be, a port of the bridge; so are `members`. Throws NetlinkError.
  BridgeGuard(std::string device, std::string bridge, std::vector<std::string> members);

  /// Why nothing may be sent to this endpoint, in words: "the way to it is through eth1, a port of br0";
  /// nullopt where it may, also where there is no route at all. Remembers what it has found.
  [[nodiscard]] std::optional<std::string> refuses(const net::Endpoint& endpoint);
  /// Of the outer packets, which may be routed by it; 0 is none.
  void set_mark(std::uint32_t mark);
  /// Routes may have changed.
  void forget() { known_.clear(); }

 private:
  /// How the bridge is reached from this link, in words; nullopt where it is not.
  [[nodiscard]] std::optional<std::string> leads_to_bridge(std::uint32_t index);

  using Key = std::tuple<net::IpAddress, std::uint32_t, std::uint32_t>;

  const std::string device_;
  const std::string bridge_;
  const std::vector<std::string> members_;
  net::Netlink netlink_;
  std::uint32_t mark_ = 0;
  std::map<Key, std::optional<std::string>> known_;
};

}  // namespace tunneld::daemon
