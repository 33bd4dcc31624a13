#include "daemon/host/privilege.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tunneld::daemon {
namespace {

struct CommandOf {
  std::string operator()(const LinkUp& link) const {
    return "ip link set dev " + link.interface.name + " mtu " + std::to_string(link.mtu) + " up";
  }
  std::string operator()(const LinkAddress& link) const {
    return "ip link set dev " + link.interface.name + " address " + link.address.to_string();
  }
  std::string operator()(const BridgePort& port) const {
    return "ip link set dev " + port.interface.name + " master " + port.bridge.name;
  }
  std::string operator()(const AddressAdded& added) const {
    return "ip address add " + added.address.to_string() + " dev " + added.interface.name;
  }
  std::string operator()(const RouteAdded& added) const {
    std::string words = "ip route add " + added.destination.to_string() + " dev " + added.interface.name;
    if (added.table != net::kMainTable) words += " table " + std::to_string(added.table);
    if (added.metric) words += " metric " + std::to_string(*added.metric);
    return words;
  }
  /// Nothing that somebody could do beforehand.
  template <typename Kind>
  std::string operator()(const Kind&) const {
    return "";
  }
};

}  // namespace

bool may_change_network() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, sets) != 0) return false;
  return (sets[CAP_NET_ADMIN / 32].effective & (1U << (CAP_NET_ADMIN % 32))) != 0;
}

std::string missing_for_root(const std::vector<HostChange>& wanted) {
  std::string commands;
  try {
    net::Netlink netlink;
    for (const HostChange& change : wanted) {
      const std::string command = std::visit(CommandOf(), change);
      if (!command.empty() && !is_as_wished(change, netlink)) commands += "\n    " + command;
    }
  } catch (const std::exception&) {
    // What was found out so far is better than nothing.
  }
  if (commands.empty()) return ": run as root, or with CAP_NET_ADMIN";
  return "; root has to do this before:" + commands;
}

}  // namespace tunneld::daemon
