// Cryptokey routing: which peer owns an inner address, and the peer's link. Immutable once published.
#pragma once

#include <vector>

#include "common/net/allowed_ips.h"
#include "common/protocol/mac_owners.h"
#include "common/protocol/peer/peer_link.h"

namespace tunneld::protocol {

struct RoutingTable {
  net::AllowedIps allowed_ips;
  std::vector<PeerLink*> links;  ///< by PeerId; null where a peer was removed
  std::vector<bool> isolated;    ///< by PeerId: no packets to and from other such peers
  MacOwners mac_owners;
};

}  // namespace tunneld::protocol
