// Running without CAP_NET_ADMIN, on a device that root has made: what is as wanted needs no privilege, and
// what is not is told as the commands that root has to run.
//
// Running as root, by hand: the daemon then gives up what it does not need, and has no more than under the
// shipped unit. It stays user 0 where the run directory is root's, because the files of a run by hand are
// (configuration, journal, leases, resolv.conf), and what a run changes has to be undone by who may write
// them. Where the run directory is the service's, it becomes that user: root must not do what a journal says
// that the service could have written, nor leave files that the service cannot read.
#pragma once

#include <string>
#include <vector>

#include "daemon/host/host_change.h"

namespace tunneld::daemon {

/// Whether this process has CAP_NET_ADMIN.
[[nodiscard]] bool may_change_network();

/// Who is not root and has been handed CAP_NET_BIND_SERVICE (a service's AmbientCapabilities=) begins this
/// program anew without it, because the unit's filter forbids capset(2); otherwise nothing. Call it while there
/// are no keys in memory. Throws std::system_error.
void give_up_low_ports();

/// Root gives up everything but CAP_NET_ADMIN and, for a port below 1024, CAP_NET_BIND_SERVICE, for itself and
/// whatever it starts. Who is not root gains nothing by programs that are setuid any more. Of the calling
/// thread: call it before there are others. Throws std::system_error.
void give_up_power(bool has_low_port);

/// What root keeps to run resolvconf, whose hooks write the files of other services (dnsmasq, unbound): as
/// tunneld-names.service has. Throws std::system_error.
void keep_power_for_names();
/// Whether there is any of it to keep.
[[nodiscard]] bool has_power_for_names();

/// Whether we are root, and the run directory is the service's.
[[nodiscard]] bool is_roots_work_the_services();
/// Then root becomes the service's user, with CAP_NET_ADMIN alone: for what undoes. Otherwise nothing.
void become_owner_of_run_directory();

/// Words that follow an error: the commands with which root can set up what `wanted` still lacks. Empty where
/// no command can. Never throws.
[[nodiscard]] std::string missing_for_root(const std::vector<HostChange>& wanted);

}  // namespace tunneld::daemon
