// Opens lanes: checks that a lane's datagrams reach the peer before data uses the lane.
//
// The lane's port is new to every NAT and firewall on the way. So a LANE frame is sent on it first; the peer
// makes a replay window for the lane and answers on lane 0. Three frames are sent; if none is
// answered, the lane stays closed for this session, and lane 0 works as before.
#pragma once

#include <optional>
#include <vector>

#include "common/clock.h"

namespace tunneld::protocol {

class LaneOpening {
 public:
  /// A worker wants `lane`; the first request is due at once.
  void want(unsigned lane, Instant now) { asked_.push_back({lane, 0, now}); }
  /// True if this lane was being asked for; the request is then done.
  [[nodiscard]] bool answered(unsigned lane) {
    return std::erase_if(asked_, [lane](const Asked& asked) { return asked.lane == lane; }) != 0;
  }
  /// For when the session has ended or the path has changed.
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
