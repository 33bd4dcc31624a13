// Stations that the configuration binds to a peer: what allowed IPs are for IP. Immutable once published. Who
// may send from an address is decided in ethernet_switch.cc.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "common/net/mac_address.h"
#include "common/protocol/peer/peer_link.h"

namespace tunneld::protocol {

class MacOwners {
 public:
  MacOwners() = default;
  /// Precondition: each address occurs once.
  explicit MacOwners(std::vector<std::pair<net::MacAddress, PeerId>> owners) : owners_(std::move(owners)) {
    std::ranges::sort(owners_);
    for (const auto& [address, peer] : owners_) bound_.push_back(peer);
    std::ranges::sort(bound_);
  }

  [[nodiscard]] std::optional<PeerId> find(const net::MacAddress& address) const {
    if (owners_.empty()) return std::nullopt;
    const auto found =
        std::ranges::lower_bound(owners_, address, {}, &std::pair<net::MacAddress, PeerId>::first);
    if (found == owners_.end() || found->first != address) return std::nullopt;
    return found->second;
  }
  /// Whether a frame of `peer` may have this source. A peer with bound addresses may use only those, any
  /// other only addresses that are not bound.
  [[nodiscard]] bool allows(PeerId peer, const net::MacAddress& source) const {
    if (owners_.empty()) return true;
    const auto owner = find(source);
    return owner ? *owner == peer : !std::ranges::binary_search(bound_, peer);
  }

 private:
  std::vector<std::pair<net::MacAddress, PeerId>> owners_;
  std::vector<PeerId> bound_;
};

}  // namespace tunneld::protocol
