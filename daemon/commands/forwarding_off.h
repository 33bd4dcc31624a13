// Detects whether the kernel drops what the tunnel brings for other machines, because it does not forward.
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

/// As it is now; IPv4's packets are counted for the whole host, IPv6's for `interface`.
[[nodiscard]] Forwarding read_forwarding(const std::string& interface);

/// `status`: of the daemon. Says nothing of a host that is not to forward and was not asked to meanwhile.
[[nodiscard]] std::vector<Finding> forwarding_findings(const Json& status, const Forwarding& before,
                                                       const Forwarding& after);

}  // namespace tunneld::daemon
