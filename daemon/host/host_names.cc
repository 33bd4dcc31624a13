// The part of HostChanges for name servers, the only change in which other programs of the host take part.
// Such a program may hang, fail half way, fail to undo what it did, or be replaced by another one.
//
// We wait for these programs, because a change must be journaled before and checked afterwards. At a start, a
// reload and an end, that may take seconds. A repair comes by itself, while the same loop has handshakes to
// answer. So it gives a program little more time than it is known to take, and tries one that hangs less and
// less often (kHangingPause). A program in the background would not block the loop. But every other change of
// the host (a reload, an MTU, the end) would have to wait for it or kill it half way. And 2 s do no harm to a
// tunnel: a handshake is repeated after 5 s, and sessions are renewed a minute before they end.
//
// If a try fails and cannot be undone, its entry stays in the journal without a Present. There is at most one
// such entry for each place. The next try at the same place takes it over, or undoes it first; elsewhere it
// does no harm. Undoing it is tried again like all other repairs.
#include <algorithm>
#include <exception>
#include <system_error>

#include "common/log.h"
#include "common/net/system_clock.h"
#include "daemon/host/dns/dns_change.h"
#include "daemon/host/host_changes.h"
#include "daemon/host/shared_settings.h"

namespace tunneld::daemon {
namespace {

/// The time limit for a program during a repair, unless it is known to take longer.
constexpr std::chrono::milliseconds kShortPatience{2000};

}  // namespace

/// Measures how long the program takes while this object lives. A program that has done its work but does not
/// end counts as hanging, too.
class HostChanges::ProgramWatch {
 public:
  ProgramWatch(HostChanges& host, const DnsSet& names)
      : host_(host), is_program_(needs_a_program(names)), patience_(host.names_patience()) {}
  ~ProgramWatch() {
    if (!is_program_) return;
    const Duration took = net::boot_now() - begun_;
    host_.program_hangs_ = took >= patience_;
    if (!host_.program_hangs_) host_.program_took_ = std::max(host_.program_took_, took);
  }
  ProgramWatch(const ProgramWatch&) = delete;
  ProgramWatch& operator=(const ProgramWatch&) = delete;
  [[nodiscard]] std::chrono::milliseconds patience() const { return patience_; }

 private:
  HostChanges& host_;
  const bool is_program_;
  const std::chrono::milliseconds patience_;
  const Instant begun_ = net::boot_now();
};

std::chrono::milliseconds HostChanges::names_patience() const {
  if (!is_repairing_ && !program_hangs_) return kDnsPatience;
  const auto known = std::chrono::ceil<std::chrono::milliseconds>(2 * program_took_);
  return std::clamp(known, kShortPatience, kDnsPatience);
}

void HostChanges::apply(const HostChange& change) {
  const auto* names = std::get_if<DnsSet>(&change);
  if (names == nullptr) return apply_change(change, netlink_);
  const ProgramWatch watch(*this, *names);
  apply_dns(*names, watch.patience());
}

Undone HostChanges::take_back(const HostChange& change) {
  if (is_in_other_journals(change, journal_)) return Undone::kIsShared;
  const auto* names = std::get_if<DnsSet>(&change);
  if (names == nullptr) return undo(change, netlink_);
  const ProgramWatch watch(*this, *names);
  return undo_dns(*names, watch.patience());
}

std::vector<std::uint64_t> HostChanges::names_left() const {
  std::vector<std::uint64_t> left;
  for (const auto& [id, change] : journal_.pending()) {
    if (!std::holds_alternative<DnsSet>(change)) continue;
    const bool is_held = std::ranges::find(present_, std::optional(id), &Present::id) != present_.end();
    if (!is_held) left.push_back(id);
  }
  return left;
}

std::optional<std::uint64_t> HostChanges::names_left_at(const DnsSet& place) const {
  for (const std::uint64_t id : names_left()) {
    if (is_at_same_place(std::get<DnsSet>(journal_.pending().at(id)), place)) return id;
  }
  return std::nullopt;
}

void HostChanges::take_over(std::uint64_t left, DnsSet& names) {
  names.made_file = names.made_file || std::get<DnsSet>(journal_.pending().at(left)).made_file;
  journal_.rewrite(left, names);
}

std::uint64_t HostChanges::record(HostChange& change) {
  auto* names = std::get_if<DnsSet>(&change);
  const auto left = names == nullptr ? std::nullopt : names_left_at(*names);
  if (!left) return journal_.record(change);
  if (!needs_a_program(*names)) {
    take_over(*left, *names);
    return *left;
  }
  undo_one(*left, HostChange(journal_.pending().at(*left)), true);
  return journal_.record(change);
}

void HostChanges::follow_names(Present& present, DnsSet& names) {
  const Followed followed = follow_dns(names);
  if (followed == Followed::kSame) return;
  const std::uint64_t before = present.id.value();
  if (const auto left = names_left_at(names)) {
    take_over(*left, names);
    present.id = left;
    if (followed == Followed::kMoved) journal_.forget(before);
  } else if (followed == Followed::kLeftBehind) {
    present.id = journal_.record(names);
  } else {
    journal_.rewrite(before, names);
  }
}

void HostChanges::give_to_new_keeper(Present& present) {
  HostChange made = present.change;
  if (prepare(made, netlink_) == Preparation::kAlreadyThere) return;
  const std::uint64_t before = present.id.value();
  // If the new keeper does not accept them, they count as name servers that could not be set.
  present.id.reset();
  present.is_unmade = true;
  try {
    undo_one(before, HostChange(journal_.pending().at(before)), false);
  } catch (const std::exception& error) {
    log::warn(
        "{}: cannot be removed from the program that managed name servers before; trying again later: {}",
        in_words(made), error.what());
  }
  present.id = journal_and_make(std::move(made));
  present.was_named = false;
}

bool HostChanges::take_left_back(std::uint64_t id) noexcept {
  HostChange left = journal_.pending().at(id);
  // The link may lead to another file by now, which has our current name servers.
  auto& names = std::get<DnsSet>(left);
  if (names.keeper == DnsKeeper::kFile && !names.file.empty()) names.place = names.file;
  try {
    undo_one(id, left, true);
    return true;
  } catch (const std::exception& error) {
    log::line(left_tried_ ? log::Level::kDebug : log::Level::kWarning,
              "{}: cannot be undone; trying again later: {}", in_words(left), error.what());
    return false;
  }
}

void HostChanges::take_back_left_elsewhere(const DnsSet& place) noexcept {
  for (const std::uint64_t id : names_left()) {
    if (!is_at_same_place(std::get<DnsSet>(journal_.pending().at(id)), place)) take_left_back(id);
  }
}

std::optional<Instant> HostChanges::take_names_left_back(Instant now, Pauses pauses) {
  const std::vector<std::uint64_t> left = names_left();
  if (left.empty()) {
    left_tried_.reset();
    return std::nullopt;
  }
  // If name servers could not be set, their next try first undoes what is left at the same place.
  if (std::ranges::any_of(present_, &Present::is_unmade)) return std::nullopt;
  if (pauses == Pauses::kKept && left_tried_ && now - *left_tried_ < left_pause_)
    return *left_tried_ + left_pause_;
  left_pause_ = left_tried_ ? std::min(2 * left_pause_, kHangingPause) : kRepairPause;
  std::size_t stuck = 0;
  for (const std::uint64_t id : left) stuck += take_left_back(id) ? 0U : 1U;
  if (stuck == 0) {
    left_tried_.reset();
    return std::nullopt;
  }
  left_tried_ = now;
  return now + left_pause_;
}

}  // namespace tunneld::daemon
