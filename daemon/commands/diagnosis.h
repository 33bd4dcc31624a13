// What keeps a tunnel down, from what a running daemon counts.
//
// Pure: two status documents (docs/control_socket.md), a few seconds apart, and what a datagram to the peer's
// address met, in; findings out. A cause is said as certain only where it is: a responder never learns why
// nobody follows its answer, and a host that hears nothing cannot know what was lost where. Such findings
// name the candidates and what to look at on the other end.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/json.h"
#include "daemon/finding.h"

namespace tunneld::daemon {

/// By peer name: why a datagram to its endpoint could not arrive ("nothing listens there"), in words. No
/// entry where nothing came back, which is how it should be.
using Unreachable = std::map<std::string, std::string>;

/// `only`: findings of this peer and of the interface; empty for all peers.
[[nodiscard]] std::vector<Finding> diagnose(const Json& before, const Json& after,
                                            const Unreachable& unreachable, const std::string& only);

}  // namespace tunneld::daemon
