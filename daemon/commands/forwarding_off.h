// Detects whether the kernel drops the tunnel's packets for other machines because forwarding is off.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/json.h"
#include "daemon/finding.h"

namespace tunneld::daemon {

struct FamilyForwarding {
  bool is_on = true;
  /// Packets for other machines that the kernel has not forwarded (InAddrErrors of RFC 4293).
  std::uint64_t refused = 0;
};

struct Forwarding {
  FamilyForwarding ipv4{};
  FamilyForwarding ipv6{};
};

/// The present state. IPv4 packets are counted for the whole host, IPv6 packets for `interface`.
[[nodiscard]] Forwarding read_forwarding(const std::string& interface);

/// `status`: the daemon's. No finding if the host is not meant to forward and got nothing to forward during the
/// check.
[[nodiscard]] std::vector<Finding> forwarding_findings(const Json& status, const Forwarding& before,
                                                       const Forwarding& after);

}  // namespace tunneld::daemon
