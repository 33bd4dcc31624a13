// Repairs: finds the changes of HostChanges that others have removed, and makes them again.
//
// Each change has its own pause between repairs. Programs remove one thing after another (`ip rule del`
// twice, a flush of addresses), and the second one must not wait for the pause of the first. But if a program
// removes the same thing again and again, the pause keeps us from restoring it just as fast.
#include <algorithm>
#include <chrono>
#include <system_error>

#include <net/if.h>

#include "common/net/system_clock.h"
#include "daemon/host/dns/dns_change.h"
#include "daemon/host/host_changes.h"

namespace tunneld::daemon {
namespace {

/// A thing that has stayed for this long is no longer fought over.
constexpr Duration kPeace = std::chrono::minutes(1);
/// How long a file may be read-only for us before that counts as an error, and how often that is checked.
constexpr Duration kLending = std::chrono::seconds(3);
constexpr Duration kLendingLook = std::chrono::milliseconds(500);
/// After a service has taken this long and not answered, not every `status` asks it again.
constexpr Duration kSlowAnswer = std::chrono::seconds(1);

HostChanges::Part part_of(const HostChange& change) {
  return std::holds_alternative<DnsSet>(change) ? HostChanges::Part::kNames : HostChanges::Part::kKernel;
}

/// The pause after a repair of a change that was repaired before. `since` is the time since that repair.
Duration next_pause(const HostChange& change, Duration pause, Duration since) {
  if (since >= pause + kPeace) return HostChanges::kRepairPause;
  const bool grows = part_of(change) == HostChanges::Part::kNames;
  return grows ? std::min(2 * pause, HostChanges::kLongestPause) : pause;
}

/// Sets `noted` to `now` if it is not set yet.
Instant first_time(std::optional<Instant>& noted, Instant now) {
  if (!noted) noted = now;
  return *noted;
}

/// A service that may not write to a directory may get a bind mount of a file in it (`systemctl bind`). After
/// somebody has replaced the file, it takes a moment until it is mounted again.
bool is_read_only(const std::exception& error) {
  const auto* refusal = dynamic_cast<const std::system_error*>(&error);
  return refusal != nullptr && refusal->code() == std::errc::read_only_file_system;
}

/// The pause between two requests to a service that has not answered for `silence`. Each request takes time.
Duration silence_pause(Duration silence) {
  return std::clamp(silence, HostChanges::kRepairPause, HostChanges::kLongestPause);
}

/// The pause that follows `pause` if a try took too long.
Duration hanging_pause(Duration pause) {
  return std::clamp(2 * pause, HostChanges::kLongestPause, HostChanges::kHangingPause);
}

/// Sets `flag` while this object lives, so that an exception cannot leave it set.
class Repairing {
 public:
  Repairing(bool& flag, bool on) : flag_(flag) { flag_ = on; }
  ~Repairing() { flag_ = false; }
  Repairing(const Repairing&) = delete;
  Repairing& operator=(const Repairing&) = delete;

 private:
  bool& flag_;
};

/// Whether a program or a service hangs. Each try then blocks the whole daemon.
bool took_too_long(const std::exception& error) {
  const auto* refusal = dynamic_cast<const std::system_error*>(&error);
  return refusal != nullptr && refusal->code() == std::errc::timed_out;
}

bool needs_link(const HostChange& change) {
  return std::holds_alternative<AddressAdded>(change) || std::holds_alternative<RouteAdded>(change);
}

}  // namespace

HostChange HostChanges::as_made(const Present& present) const {
  if (present.id) return journal_.pending().at(*present.id);
  HostChange made = present.change;
  if (Interface* interface = interface_of(made)) interface->index = present.index;
  return made;
}

Standing HostChanges::ask(HostState& state, Present& present, const HostChange& made, Instant now) {
  if (present.silent_until && now < *present.silent_until) return Standing::kNoAnswer;
  const Instant begun = net::boot_now();
  const Standing standing = standing_of(made, state, present.table);
  present.silent_until.reset();
  if (standing == Standing::kNoAnswer && net::boot_now() - begun >= kSlowAnswer)
    present.silent_until = now + silence_pause(now - present.unanswered.value_or(now));
  return standing;
}

std::vector<HostChanges::Missing> HostChanges::compare(Part part, Instant now) {
  std::vector<Missing> missing;
  HostState state(netlink_);
  for (Present& present : present_) {
    if (part_of(present.change) != part) continue;
    HostChange made = as_made(present);
    if (!present.id && present.is_unmade) {
      missing.push_back({&present, std::move(made), Standing::kMissing});
      continue;
    }
    // A change that is not ours is compared only if the tunnel cannot work without it. One that could not be
    // made has no device index.
    const bool is_needed = std::holds_alternative<LinkUp>(present.change) || needs_link(present.change);
    if (!present.id && (!is_needed || present.index == 0)) continue;
    // If the link is not ours, its owner may change the MTU.
    if (auto* link = std::get_if<LinkUp>(&made); link != nullptr && !present.id) link->mtu = 0;
    const Standing standing = ask(state, present, made, now);
    if (standing != Standing::kNoAnswer) {
      present.unanswered.reset();
    } else if (!present.unanswered) {
      present.unanswered = now;
    }
    if (standing != Standing::kStands) missing.push_back({&present, std::move(made), standing});
  }
  std::ranges::stable_sort(missing, {}, [](const Missing& one) { return one.made.index(); });
  return missing;
}

std::vector<HostChanges::Lack> HostChanges::lacks(Instant now) {
  std::vector<Lack> lacks;
  for (const Part part : {Part::kKernel, Part::kNames}) {
    for (const Missing& one : compare(part, now)) {
      const Present& present = *one.present;
      if (one.standing == Standing::kNoAnswer && !present.is_silent(now)) continue;
      const bool is_fought_over =
          one.standing == Standing::kMissing && present.was_named && present.put_back && !present.is_unmade;
      lacks.push_back({in_words(one.made), one.standing, is_fought_over, present.refused.value_or("")});
    }
  }
  return lacks;
}

std::string HostChanges::Lack::in_words() const {
  return what + daemon::in_words(standing) +
         (is_fought_over ? " (taken away again and again, and put back after a pause)" : "") +
         (standing == Standing::kMissing && !why.empty() ? " (cannot be done: " + why + ")" : "");
}

std::vector<std::string> HostChanges::names_places() const {
  for (const Present& present : present_) {
    if (part_of(present.change) == Part::kNames) return dns_places(std::get<DnsSet>(as_made(present)));
  }
  const std::vector<std::uint64_t> left = names_left();
  if (left.empty()) return {};
  return dns_places(std::get<DnsSet>(journal_.pending().at(left.front())));
}

const HostChanges::RouteIndex& HostChanges::route_index() {
  if (!route_index_) {
    route_index_.emplace();
    for (const Present& present : present_) {
      if (const auto* route = std::get_if<RouteAdded>(&present.change))
        route_index_->emplace(route->table, route->destination);
    }
  }
  return *route_index_;
}

bool HostChanges::has_route(std::uint32_t table, const net::IpPrefix& destination) {
  return route_index().contains({table, destination});
}

bool HostChanges::has_routes(std::uint32_t table) {
  const RouteIndex& index = route_index();
  const auto first = index.lower_bound({table, net::IpPrefix{}});
  return first != index.end() && first->first == table;
}

std::uint64_t HostChanges::journal_and_make(HostChange change) {
  const std::uint64_t id = record(change);
  try {
    apply(change);
  } catch (const std::exception&) {
    undo_half_made(id, change);
    throw;
  }
  return id;
}

void HostChanges::make_again(Present& present) {
  HostChange made = as_made(present);
  if (present.id) {
    if (auto* names = std::get_if<DnsSet>(&made)) follow_names(present, *names);
    apply(std::holds_alternative<NftTable>(made) ? present.change : made);
  } else {
    // It belonged to somebody else, who has removed it, or it could not be made. If it is made now, it is
    // ours and has to be undone.
    if (prepare(made, netlink_) == Preparation::kAlreadyThere) return;
    check_device(made);
    if (const auto* names = std::get_if<DnsSet>(&made)) take_back_left_elsewhere(*names);
    present.id = journal_and_make(made);
    if (const Interface* interface = interface_of(made)) present.index = interface->index;
  }
  present.table = table_of(made);
}

HostChanges::Repair HostChanges::repair(Instant now, Pauses pauses, Part part) {
  Repair repair;
  const auto look_again = [&repair](Instant at) { repair.again = std::min(at, repair.again.value_or(at)); };
  const Repairing repairing(is_repairing_, pauses == Pauses::kKept);
  if (pauses == Pauses::kIgnored) {
    // The user has asked for this repair, and may have fixed the program before.
    program_hangs_ = false;
    for (Present& present : present_) present.silent_until.reset();
  }
  if (part == Part::kNames) {
    if (const auto again = take_names_left_back(now, pauses)) look_again(*again);
  }
  std::vector<std::uint32_t> down;
  const std::vector<Missing> missing = compare(part, now);
  for (const Missing& one : missing) {
    Present& present = *one.present;
    const std::string what = in_words(one.made);
    if (const auto* names = std::get_if<DnsSet>(&one.made)) repair.by = dns_taker(*names, one.standing);
    const bool changes_keeper = one.standing == Standing::kOthersKeep && pauses == Pauses::kIgnored;
    if (one.standing == Standing::kNoAnswer) {
      look_again(now + silence_pause(now - present.unanswered.value_or(now)));
      // It may only be restarting, which is not worth a log line.
      if (!present.is_silent(now)) continue;
    }
    if (one.standing != Standing::kMissing && !changes_keeper) {
      if (!std::exchange(present.was_named, true)) repair.out_of_reach.push_back({what, one.standing});
      continue;
    }
    if (needs_link(one.made) && std::ranges::find(down, present.index) != down.end()) continue;
    const std::optional<Instant> before = present.put_back;
    if (present.is_unmade && !before) {
      present.put_back = now;
      present.pause = kRepairPause;
      look_again(now + present.pause);
      continue;
    }
    if (pauses == Pauses::kKept && before && now - *before < present.pause) {
      look_again(*before + present.pause);
      // If it could not be set, or is read-only for the moment, nobody has removed it.
      const bool is_taken = !present.refused && !present.is_unmade && !present.read_only;
      if (is_taken && !std::exchange(present.was_named, true)) repair.fought_over.push_back(what);
      if (std::holds_alternative<LinkUp>(one.made)) down.push_back(present.index);
      continue;
    }
    const Duration pause = present.pause;
    present.pause = before ? next_pause(one.made, pause, now - *before) : kRepairPause;
    present.put_back = now;
    const bool was_unmade = present.is_unmade;
    // The pause begins at the end of a try, because a program that hangs takes seconds.
    const Instant begun = net::boot_now();
    const auto later = [&] {
      return now + std::chrono::floor<std::chrono::seconds>(net::boot_now() - begun);
    };
    try {
      changes_keeper ? give_to_new_keeper(present) : make_again(present);
      // Name servers that a new program manages were set before, so they count as put back.
      (was_unmade ? repair.made : repair.put_back).push_back(what);
      present.put_back = later();
      present.refused.reset();
      present.is_unmade = false;
      present.read_only.reset();
      if (part == Part::kNames && program_hangs_) present.pause = hanging_pause(pause);
    } catch (const std::exception& error) {
      if (is_read_only(error) && now - first_time(present.read_only, now) < kLending) {
        // Name servers that are not set are tried only after a pause, so it is made to end at the next look.
        // For all others, this try does not count.
        present.put_back = present.is_unmade ? now - pause + kLendingLook : before;
        present.pause = pause;
        look_again(now + kLendingLook);
        continue;
      }
      if (!std::exchange(present.refused, error.what())) repair.refused.push_back({what, error.what()});
      if (std::holds_alternative<LinkUp>(one.made)) down.push_back(present.index);
      const auto* refusal = dynamic_cast<const net::NetlinkError*>(&error);
      const bool is_final =
          refusal != nullptr && refusal->reason() == net::NetlinkError::Reason::kNotPermitted;
      present.put_back = later();
      if (took_too_long(error)) present.pause = hanging_pause(pause);
      if (!is_final) look_again(*present.put_back + present.pause);
    }
  }
  for (Present& present : present_) {
    if (part_of(present.change) != part) continue;
    const bool stands = std::ranges::find(missing, &present, &Missing::present) == missing.end();
    if (stands) {
      present.read_only.reset();
      present.is_unmade = false;
    }
    if (!present.was_named && !present.refused) continue;
    if (!stands || (present.put_back && now - *present.put_back < kPeace)) continue;
    present.was_named = false;
    present.refused.reset();
  }
  return repair;
}

// If our device was renamed or moved, another device may get its name. That one must not get our addresses
// and routes.
void HostChanges::check_device(const HostChange& change) const {
  const Interface* interface = interface_of(change);
  if (interface == nullptr) return;
  const auto own = std::ranges::find_if(present_, [interface](const Present& present) {
    const Interface* other = interface_of(present.change);
    return other != nullptr && other->name == interface->name && present.index != 0;
  });
  if (own == present_.end() || own->index == interface->index) return;
  throw net::NetlinkError(
      net::NetlinkError::Reason::kNotFound,
      interface->name +
          " is no longer the device that tunneld started with, which was renamed or moved: "
          "restart tunneld");
}

}  // namespace tunneld::daemon
