// Keeps the tunnel's own packets off the bridge that its device is a port of. A packet sent there may be
// flooded into the device, sealed and sent again, in an endless loop. Besides, a peer that is reached over
// the bridge is already on the network that the tunnel would connect it to.
//
// A firewall could not tell which peer is affected, and binding the socket to a device (SO_BINDTODEVICE)
// would bypass the routing table. So each peer's route is looked up as the kernel does it, and a peer whose
// route leads to the bridge is refused: nothing is sent to it or accepted from it, and the log and `status`
// say why.
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
  /// `device` and `members`: the present or future ports of the bridge. Throws NetlinkError.
  BridgeGuard(std::string device, std::string bridge, std::vector<std::string> members);

  /// Why nothing may be sent to this endpoint, in words: "the route to it leads through eth1, a port of br0".
  /// nullopt: it may, or there is no route to it. Caches its answers.
  [[nodiscard]] std::optional<std::string> refuses(const net::Endpoint& endpoint);
  /// The mark of the outer packets, because routing rules may depend on it; 0: no mark.
  void set_mark(std::uint32_t mark);
  /// Routes may have changed.
  void forget() { known_.clear(); }

 private:
  /// How this link leads to the bridge, in words; nullopt: it does not.
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
