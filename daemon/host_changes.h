// The one door for side effects on the host. Each change is journaled, then made; all are undone in reverse
// at the end.
//
// What was there before is never touched: an address or route that already exists is an error, not ours to
// adopt.
#pragma once

#include <string>
#include <vector>

#include "common/net/netlink.h"
#include "config/config.h"
#include "daemon/host_change.h"
#include "daemon/journal.h"

namespace tunneld::daemon {

/// All changes that a start with this configuration makes, in order. Routes as wg-quick sets them: one for
/// each allowed IP that no address of the interface covers already.
[[nodiscard]] std::vector<HostChange> plan_changes(const config::Config& config);

class HostChanges {
 public:
  /// Precondition: the interface's lock is held. First undoes what a killed run left.
  explicit HostChanges(const std::string& interface);
  /// Undoes everything.
  ~HostChanges();
  HostChanges(const HostChanges&) = delete;
  HostChanges& operator=(const HostChanges&) = delete;

  /// Throws std::runtime_error in words; what was done before stays until the destructor.
  void make(const HostChange& change);

  /// Undoes a dead daemon's journal. Returns the number of changes undone; 0 when there was none.
  static std::size_t undo_left_behind(const std::string& interface);

 private:
  net::Netlink netlink_;
  Journal journal_;
  std::vector<HostChange> made_;
};

}  // namespace tunneld::daemon
