// systemd's file descriptor store (sd_notify(3), FileDescriptorStoreMax= of systemd.service(5)). What is in
// it stays open while the service restarts, whatever ended it; a stop for good closes it. Only the system's own
// systemd is given any: a manager that does not read what it is told would keep the device open for as long as
// it lives.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/net/file_descriptor.h"

namespace tunneld::daemon {

[[nodiscard]] bool has_descriptor_store();
/// Has the manager keep copies under this name. Nothing tells whether it does. `name`: without ':'. Throws
/// nothing.
void store_descriptors(const std::string& name, std::span<const int> descriptors);
/// The manager's copies under this name are closed when this returns, or it has not answered for a second.
void drop_stored(const std::string& name);
/// What was kept for this start under this name; anything else that was handed to this process at its start
/// is closed. The first call only has any.
[[nodiscard]] std::vector<net::FileDescriptor> take_stored(const std::string& name);

}  // namespace tunneld::daemon
