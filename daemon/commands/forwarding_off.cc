#include "daemon/commands/forwarding_off.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "daemon/host/changes/sysctl.h"

namespace tunneld::daemon {
namespace {

/// From /proc/net/snmp: a line of names, then one of values.
std::uint64_t refused_ipv4() {
  std::ifstream file("/proc/net/snmp");
  std::string names;
  std::string values;
  while (std::getline(file, names) && std::getline(file, values)) {
    if (!names.starts_with("Ip: ")) continue;
    std::istringstream name_words(names);
    std::istringstream value_words(values);
    std::string value;
    for (std::string name; name_words >> name && value_words >> value;) {
      if (name == "InAddrErrors") return std::stoull(value);
    }
  }
  return 0;
}

std::uint64_t refused_ipv6(const std::string& interface) {
  std::ifstream file("/proc/net/dev_snmp6/" + interface);
  std::uint64_t value = 0;
  for (std::string name; file >> name >> value;) {
    if (name == "Ip6InAddrErrors") return value;
  }
  return 0;
}

std::string dropped_in_words(std::uint64_t count) {
  return std::to_string(count) + " packets for other machines were dropped during the check";
}

}  // namespace

Forwarding read_forwarding(const std::string& interface) {
  return {.ipv4 = {.is_on = read_sysctl("net/ipv4/ip_forward") != "0", .refused = refused_ipv4()},
          .ipv6 = {.is_on = read_sysctl("net/ipv6/conf/all/forwarding") != "0",
                   .refused = refused_ipv6(interface)}};
}

std::vector<Finding> forwarding_findings(const Json& status, const Forwarding& before,
                                         const Forwarding& after) {
  std::vector<Finding> findings;
  const bool is_wanted = status.value("forwarding", false);
  const auto examine = [&](const char* sysctl, const FamilyForwarding& then, const FamilyForwarding& now,
                           bool is_known) {
    const std::uint64_t dropped = now.refused - std::min(then.refused, now.refused);
    if (now.is_on || (dropped == 0 && !(is_wanted && is_known))) return;
    std::string words = std::string("forwarding is off on this host (") + sysctl + " = 0)";
    if (dropped != 0) words += ", and " + dropped_in_words(dropped);
    words += is_wanted ? ": somebody has switched it off; `tunneld reload` switches it on again"
                       : ": add 'forwarding: { enabled: true }' to a section 'server'";
    // Those packets may have come by another interface.
    findings.push_back({is_wanted ? Health::kBad : Health::kUnclear, "", words});
  };
  bool has_ipv4 = false;
  bool has_ipv6 = false;
  for (const auto& address : status.at("interface").at("addresses"))
    (address.get<std::string>().find(':') == std::string::npos ? has_ipv4 : has_ipv6) = true;
  // What reaches a client for others is not meant for it.
  if (status.contains("client")) return findings;
  examine("net.ipv4.ip_forward", before.ipv4, after.ipv4, has_ipv4);
  examine("net.ipv6.conf.all.forwarding", before.ipv6, after.ipv6, has_ipv6);
  return findings;
}

}  // namespace tunneld::daemon
