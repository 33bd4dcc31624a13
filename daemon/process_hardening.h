#pragma once

namespace tunneld::daemon {

/// Before any secret is read: no core dumps and no ptrace by the same user, files private by default, writes
/// to a closed socket are errors and not signals, and descriptors 0 to 2 are open, so that no socket becomes
/// stdout.
void harden_process();

}  // namespace tunneld::daemon
