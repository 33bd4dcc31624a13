// Finds out why a tunnel is down, from the counters of a running daemon.
//
// Pure: its input is two status documents (docs/control_socket.md), a few seconds apart, and the errors that
// a datagram to the peer's address met; its output is findings. A cause is stated as certain only if it is. A
// responder never learns why its answer has no effect, and a host that hears nothing cannot know what was
// lost where. Such findings list the possible causes and what to check on the other end.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/json.h"
#include "daemon/finding.h"

namespace tunneld::daemon {

/// By peer name: why a datagram to its endpoint could not arrive ("nothing listens there"). No entry if no
/// error came back, as it should be.
using Unreachable = std::map<std::string, std::string>;

/// `only`: findings of this peer and of the interface; empty for all peers.
[[nodiscard]] std::vector<Finding> diagnose(const Json& before, const Json& after,
                                            const Unreachable& unreachable, const std::string& only);

}  // namespace tunneld::daemon
