// Describes loops of frames through a tap (protocol/loop_watch.h), for the log, `status` and `doctor`.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/json.h"
#include "common/pace.h"
#include "common/protocol/loop_watch.h"
#include "daemon/finding.h"

namespace tunneld::daemon {

/// The name of a port for people: "peer site-b", "the bridge br0".
using PortName = std::function<std::string(net::MacTable::Port)>;

/// Names the two ports, one of the stations, the likely cause and the fix.
[[nodiscard]] std::string in_words(const protocol::Loop& loop, const PortName& name);

/// For `interface.switch.loops` of the status document.
[[nodiscard]] Json loops_status(const std::vector<protocol::Loop>& loops, const PortName& name, Instant now);
/// One line per loop, for people; empty if there is none, or no switch.
[[nodiscard]] std::string render_loops(const Json& status);
[[nodiscard]] std::vector<Finding> diagnose_loops(const Json& status);

/// Chooses the loops to log: peers can cause as many as they like.
class LoopLog {
 public:
  [[nodiscard]] std::vector<protocol::Loop> worth_telling(const std::vector<protocol::Loop>& loops,
                                                          Instant now);

 private:
  /// The same two ports are logged at most once in this time.
  static constexpr Duration kTellAgain = std::chrono::minutes(10);

  std::map<std::pair<net::MacTable::Port, net::MacTable::Port>, Instant> told_;
  Pace tell_{5, std::chrono::minutes(1)};
};

}  // namespace tunneld::daemon
