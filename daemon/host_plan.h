// What an interface should look like on the host, and the changes that lead there.
//
// A plan does not care where it came from: today the configuration, later what a server pushes as well.
// `check
// --plan` prints its changes, a start makes them, a reload compares two lists.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/net/ip_address.h"
#include "config/config.h"
#include "daemon/host_change.h"

namespace tunneld::daemon {

struct HostPlan {
  std::string interface;
  std::uint32_t mtu = 0;
  /// With host bits.
  std::vector<net::IpPrefix> addresses;
  /// The peers' networks.
  std::vector<net::IpPrefix> allowed_ips;
  /// For the routes to them; nullopt sets none.
  std::optional<std::uint32_t> table;
  std::optional<std::uint32_t> metric;
};

/// A wish that cannot be carried out on any host; what() says the fix.
class PlanError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

[[nodiscard]] HostPlan host_plan(const config::Config& config);

/// In the order in which they are to be made. Throws PlanError.
[[nodiscard]] std::vector<HostChange> changes_of(const HostPlan& plan);

}  // namespace tunneld::daemon
