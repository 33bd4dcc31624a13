// Switching a family's forwarding on, and back off without a trace.
//
// The kernel's switch is one setting that writes many: every interface's own `forwarding`, with IPv4 the
// acceptance of redirects. And a host that forwards IPv6 no longer takes its own default route from router
// advertisements, unless `accept_ra` is 2: a server that lives on one would cut itself off. So what may
// change is noted before, and put back after.
#pragma once

#include <map>
#include <string>

#include "common/net/ip_address.h"

namespace tunneld::daemon {

/// Setting to value; names as in read_sysctl().
using SysctlValues = std::map<std::string, std::string>;

/// net/ipv4/ip_forward or net/ipv6/conf/all/forwarding.
[[nodiscard]] std::string forwarding_switch(net::Family family);
/// All that forwarding_on() may change. `own_interface` goes on as a router's does, without listening to
/// others. Throws std::system_error, also where the host lacks the family.
[[nodiscard]] SysctlValues before_forwarding(net::Family family, const std::string& own_interface);
/// Throws std::system_error.
void forwarding_on(net::Family family, const SysctlValues& before);
/// May be repeated, and after forwarding_on() was cut short. Throws std::system_error.
void forwarding_as_before(net::Family family, const SysctlValues& before);

}  // namespace tunneld::daemon
