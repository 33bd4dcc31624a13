// A plan for the device "kept" (tests/unit/host/kept_device_fixture.h) with every kind of change that it can have.
#pragma once

#include <vector>

#include "daemon/host/host_change.h"
#include "tests/unit/addresses.h"

namespace tunneld::daemon {

inline constexpr const char* kSysctl = "net/ipv4/conf/all/src_valid_mark";

/// One of each kind and family.
inline std::vector<HostChange> everything() {
  const net::Rule rule{.priority = 32700, .table = 777, .mark = 1, .invert = true};
  net::Rule suppress{.family = net::Family::kIpv6, .priority = 32701, .suppress_prefix_length = 0};
  return {
      LinkUp{{"kept"}, 1420},
      AddressAdded{{"kept"}, prefix("10.8.0.1/24")},
      AddressAdded{{"kept"}, prefix("fd08::1/64")},
      RouteAdded{{"kept"}, prefix("10.20.0.0/16")},
      RouteAdded{{"kept"}, prefix("10.60.0.0/16"), net::kMainTable, 50},
      RouteAdded{{"kept"}, prefix("0.0.0.0/0"), 777},
      RouteAdded{{"kept"}, prefix("fd20::/48")},
      RouteAdded{{"kept"}, prefix("::/0"), 70000, 5},
      RuleAdded{rule},
      RuleAdded{suppress},
      SysctlSet{kSysctl, "1"},
      ForwardingOn{net::Family::kIpv4},
      ForwardingOn{net::Family::kIpv6},
      NftTable{.name = "tunneld-kept", .rules = "chain unused {\n}\n"},
  };
}

/// With one gone, one new, one changed in place.
inline std::vector<HostChange> everything_with_changes() {
  std::vector<HostChange> wanted = everything();
  wanted[0] = LinkUp{{"kept"}, 1300};
  wanted[3] = RouteAdded{{"kept"}, prefix("10.21.0.0/16")};
  return wanted;
}

}  // namespace tunneld::daemon
