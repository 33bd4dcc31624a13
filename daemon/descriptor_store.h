// systemd's file descriptor store (sd_notify(3), FileDescriptorStoreMax= of systemd.service(5)). Descriptors in
// it stay open while the service restarts, whatever ended it. If the service is stopped for good, systemd closes
// them. We store descriptors with the system's own systemd only: another manager that ignores our messages would
// keep the device open as long as it runs.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/net/file_descriptor.h"

namespace tunneld::daemon {

[[nodiscard]] bool has_descriptor_store();
/// Asks the manager to keep copies under this name; it does not confirm that. `name`: without ':'. Never throws.
void store_descriptors(const std::string& name, std::span<const int> descriptors);
/// Has the manager close its copies under this name. Waits until it has, but no longer than a second.
void drop_stored(const std::string& name);
/// The descriptors that were kept under this name. Closes all others that this process has inherited from the
/// manager. Only the first call returns any.
[[nodiscard]] std::vector<net::FileDescriptor> take_stored(const std::string& name);

}  // namespace tunneld::daemon
