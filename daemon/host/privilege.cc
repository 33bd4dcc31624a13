#include "daemon/host/privilege.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tunneld::daemon {

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
      const std::string command = command_of(change);
      if (!command.empty() && !is_as_wished(change, netlink)) commands += "\n    " + command;
    }
  } catch (const std::exception&) {
    // What was found out so far is better than nothing.
  }
  if (commands.empty()) return ": run as root, or with CAP_NET_ADMIN";
  return "; root has to do this before:" + commands;
}

}  // namespace tunneld::daemon
