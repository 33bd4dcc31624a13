// Turns nested networks into ranges that do not overlap, each with the owner of the longest prefix, because nftables'
// interval sets need that.
#pragma once

#include <cstddef>
#include <vector>

#include "common/net/ip_address.h"

namespace tunneld::daemon {

struct OwnedNetwork {
  net::IpPrefix network;
  std::size_t owner = 0;
};

struct OwnedRange {
  net::IpAddress first;
  net::IpAddress last;
  std::size_t owner = 0;
  bool operator==(const OwnedRange&) const = default;
};

/// In ascending order, IPv4 first. Adjacent ranges of the same owner are joined.
[[nodiscard]] std::vector<OwnedRange> disjoint_ranges(std::vector<OwnedNetwork> networks);

}  // namespace tunneld::daemon
