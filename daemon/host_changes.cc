#include "daemon/host_changes.h"

#include <algorithm>
#include <limits>

#include <spdlog/spdlog.h>

namespace tunneld::daemon {

HostChanges::HostChanges(const std::string& interface) : journal_(interface), left_behind_(undo_all(true)) {}

HostChanges::~HostChanges() {
  // A second time for what the kernel refused in passing (out of memory, out of descriptors).
  if (undo_all(false).stuck == 0 || undo_all(false).stuck == 0) journal_.remove();
}

void HostChanges::make(HostChange change) {
  if (prepare(change, netlink_) == Preparation::kAlreadyThere) {
    spdlog::info("{}: was there already, and stays", in_words(change));
    return;
  }
  const std::uint64_t id = journal_.record(change);
  try {
    apply_change(change, netlink_);
  } catch (const net::NetlinkError& error) {
    if (error.reason() == net::NetlinkError::Reason::kExists) {
      journal_.forget(id);
    } else {
      undo_half_made(id, change);
    }
    throw;
  } catch (const std::system_error&) {
    undo_half_made(id, change);
    throw;
  }
  spdlog::info("{}", in_words(change));
}

void HostChanges::undo_half_made(std::uint64_t id, const HostChange& change) noexcept {
  try {
    if (undo(change, netlink_) == Undone::kDone) spdlog::debug("{}: taken back", in_words(change));
    journal_.forget(id);
  } catch (const std::exception&) {
    // It stays in the journal, and the end tries again.
  }
}

void HostChanges::revert(const HostChange& change) {
  // From the end: a plan is taken back in reverse.
  const auto& pending = journal_.pending();
  const auto found = std::find_if(pending.rbegin(), pending.rend(),
                                  [&](const auto& entry) { return entry.second == change; });
  if (found == pending.rend()) return;
  const auto [id, made] = *found;
  undo_one(id, made, false);
}

void HostChanges::undo_one(std::uint64_t id, const HostChange& change, bool after_kill) {
  const Undone undone = undo(change, netlink_);
  journal_.forget(id);
  if (undone == Undone::kNotOurs) {
    // After a kill, it may as well never have been made.
    spdlog::log(after_kill ? spdlog::level::info : spdlog::level::warn,
                "{}: not there any more, or changed by somebody else: left alone", in_words(change));
  } else if (undone == Undone::kDone) {
    spdlog::info("{}: undone", in_words(change));
  }
}

HostChanges::LeftBehind HostChanges::undo_all(bool after_kill) noexcept {
  LeftBehind result;
  const auto& pending = journal_.pending();
  auto below = std::numeric_limits<std::uint64_t>::max();
  for (auto next = pending.lower_bound(below); next != pending.begin(); next = pending.lower_bound(below)) {
    --next;
    below = next->first;
    try {
      undo_one(below, HostChange(next->second), after_kill);
      ++result.undone;
    } catch (const std::exception& error) {
      spdlog::warn("{} stays: {}", in_words(next->second), error.what());
      ++result.stuck;
    }
  }
  return result;
}

}  // namespace tunneld::daemon
