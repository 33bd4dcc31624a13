// The daemon's privileges, in the two cases where the shipped unit does not set them.
//
// Without CAP_NET_ADMIN, on a device that root has made: settings that are already as wanted need no
// privilege. For the others, the error message lists the commands that root has to run.
//
// As root, by hand: the daemon drops what it does not need, and keeps no more than under the shipped unit.
// - If root owns the run directory, the daemon stays user 0. The files of such a run (configuration, journal,
//   leases, resolv.conf) are root's, and undoing a change takes write access to them.
// - If the service's user owns it, the daemon becomes that user. Root must not follow a journal that the
//   service could have written, and must not leave files that the service cannot read.
#pragma once

#include <string>
#include <vector>

#include "daemon/host/host_change.h"

namespace tunneld::daemon {

/// Whether this process has CAP_NET_ADMIN.
[[nodiscard]] bool may_change_network();

/// If this process is not root and has the ambient capability CAP_NET_BIND_SERVICE (AmbientCapabilities= of
/// the unit), executes the program again without it, because the unit's filter forbids capset(2). Call it
/// before keys are in memory. Throws std::system_error.
void give_up_low_ports();

/// Root keeps only CAP_NET_ADMIN and, for a port below 1024, CAP_NET_BIND_SERVICE; so do its child processes.
/// Other users can no longer gain privileges through setuid programs. Affects the calling thread: call it
/// before there are others. Throws std::system_error.
void give_up_power(bool has_low_port);

/// Root keeps what it needs to run resolvconf, whose hooks write the files of other services (dnsmasq,
/// unbound). tunneld-names.service has the same capabilities. Throws std::system_error.
void keep_power_for_names();
/// Whether this process has any of these capabilities.
[[nodiscard]] bool has_power_for_names();

/// Whether we are root, and the service's user owns the run directory.
[[nodiscard]] bool is_roots_work_the_services();
/// In that case, becomes the service's user with CAP_NET_ADMIN alone, for commands that undo changes.
void become_owner_of_run_directory();

/// The end of an error message: the commands with which root can set up what `wanted` still lacks. If there
/// are none, it says which privilege is needed. Never throws.
[[nodiscard]] std::string missing_for_root(const std::vector<HostChange>& wanted);

}  // namespace tunneld::daemon
