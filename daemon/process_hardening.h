#pragma once

namespace tunneld::daemon {

/// Call it before any secret is read. It forbids core dumps and ptrace by the same user, makes files private
/// by default, turns writes to a closed socket into errors instead of signals, and opens descriptors 0 to 2,
/// so that no socket becomes stdout.
void harden_process();

}  // namespace tunneld::daemon
