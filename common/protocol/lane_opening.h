// Opening lanes: whether a lane's datagrams reach the peer is found out before data takes it.
//
// The lane's port is new to every NAT and firewall on the way. So a LANE frame goes out on it first; the
// peer makes a replay window for the lane and answers on the way it always answers. Unanswered, it is asked
// three times, and the lane stays closed for this session: lane 0 works as ever.
#pragma once

#include <optional>
#include <vector>

#include "common/clock.h"

namespace tunneld::protocol {

class LaneOpening {
 public:
  /// A worker wants `lane`; the first question is due at once.
  void want(unsigned lane, Instant now) { asked_.push_back({lane, 0, now}); }
  /// True if this lane was asked for, which is over now.
  [[nodiscard]] bool answered(unsigned lane) {
    return std::erase_if(asked_, [lane](const Asked& asked) { return asked.lane == lane; }) != 0;
  }
  /// The session has ended, or the way has changed.
  void forget() { asked_.clear(); }

  [[nodiscard]] Instant deadline() const;
  /// The next lane to ask for now; nullopt when there is none.
  [[nodiscard]] std::optional<unsigned> next(Instant now);

 private:
  struct Asked {
    unsigned lane;
    unsigned times;
    Instant at;
  };
  std::vector<Asked> asked_;
};

}  // namespace tunneld::protocol
