#include "daemon/host/host_changes.h"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "common/log.h"
#include "common/net/dummy_address.h"
#include "common/net/interface_name.h"
#include "daemon/host/dns/dns_change.h"
#include "daemon/host/shared_settings.h"

namespace tunneld::daemon {

namespace {

bool fails_closed(const HostChange& change) {
  const auto* table = std::get_if<NftTable>(&change);
  return table != nullptr && table->fail_closed;
}

/// nullptr if the change is no IPv4 address.
const AddressAdded* ipv4_address(const HostChange& change) {
  const auto* address = std::get_if<AddressAdded>(&change);
  return address != nullptr && address->address.address.is_v4() ? address : nullptr;
}

bool is_dummy(const HostChange& change) {
  const auto* address = ipv4_address(change);
  return address != nullptr && address->address == net::dummy_address();
}

/// Whether the change is an nft table. The journal does not contain its rules.
bool has_content(const HostChange& change) {
  return std::visit([]<typename Kind>(const Kind&) { return ComparesNftTable<Kind>; }, change);
}

/// Whether the change's device or bridge is gone. Another device may have its name now.
bool is_of_a_device_that_is_gone(const HostChange& change) {
  const Interface* interface = interface_of(change);
  const auto* port = std::get_if<BridgePort>(&change);
  return (interface != nullptr && !interface->is_there()) || (port != nullptr && !port->bridge.is_there());
}

std::uint32_t index_of(const HostChange& change) {
  const Interface* interface = interface_of(change);
  return interface == nullptr ? 0 : interface->index;
}

}  // namespace

HostChanges::HostChanges(const std::string& interface, LeftClosed left) : journal_(interface) {
  if (left == LeftClosed::kIsTakenOver && can_take_over(interface)) {
    take_over();
    return;
  }
  left_behind_ = undo_all(true, left != LeftClosed::kIsUndone);
  tidy_dns();
  if (left == LeftClosed::kIsUndone) return;
  for (const auto& [id, change] : journal_.pending()) {
    if (!fails_closed(change)) continue;
    present_.push_back({change, id});
    inherited_closed_ = true;
    log::info("{}: left by a run that was killed; stays until it is replaced", in_words(change));
  }
}

HostChanges::~HostChanges() {
  guard_ = net::FileDescriptor();
  if (is_left_to_next_) return;
  // If the kernel refused something for the moment (no memory, no descriptors), a second try may succeed.
  const bool keep_closed = stays_closed_ || inherited_closed_;
  if (undo_all(false, keep_closed).stuck != 0) undo_all(false, keep_closed, Programs::kOnlyGood);
  if (journal_.pending().empty()) journal_.remove();
}

bool HostChanges::can_take_over(const std::string& interface) const {
  const std::uint32_t index = net::interface_index(interface).value_or(0);
  return index != 0 && std::ranges::all_of(journal_.pending(), [&](const auto& entry) {
           const Interface* about = interface_of(entry.second);
           return about == nullptr || about->name != interface || about->index == index;
         });
}

void HostChanges::take_over() {
  std::vector<std::uint64_t> stale;
  for (const auto& [id, change] : journal_.pending()) {
    // It is in no plan (see entrust()), so it only stays in the journal.
    if (std::holds_alternative<DeviceOpened>(change)) continue;
    if (is_of_a_device_that_is_gone(change)) {
      stale.push_back(id);
      continue;
    }
    present_.push_back({.change = change,
                        .id = id,
                        .index = index_of(change),
                        .is_taken_over = true,
                        .has_old_content = has_content(change)});
    inherited_closed_ = inherited_closed_ || fails_closed(change);
  }
  for (const std::uint64_t id : stale) {
    try {
      undo_one(id, HostChange(journal_.pending().at(id)), true);
    } catch (const std::exception& error) {
      log::warn("{}", error.what());
    }
  }
  log::info("{} changes of the previous run stay in place", present_.size());
}

void HostChanges::renew_tables(const std::vector<HostChange>& wanted) {
  for (std::size_t i = 0; i < present_.size(); ++i) {
    if (!present_[i].has_old_content) continue;
    for (HostChange wish : wanted) {
      if (takes_place_of(wish, present_[i].change)) replace(HostChange(present_[i].change), wish);
    }
    present_[i].has_old_content = false;
  }
}

void HostChanges::become(const std::vector<HostChange>& wanted) {
  failed_.reset();
  renew_tables(wanted);
  // Usually nearly everything stays, in the same order. Comparing each change with every other one would take
  // seconds for 10,000 routes.
  const auto [first, second] = std::ranges::mismatch(present_, wanted, {}, &Present::change);
  const std::vector<Present> present(first, present_.end());
  const std::span<const HostChange> others(second, wanted.end());

  std::vector<const HostChange*> added;
  std::vector<std::pair<HostChange, HostChange>> replaced;
  for (const HostChange& change : others) {
    if (std::ranges::find(present, change, &Present::change) != present.end()) continue;
    HostChange taking_over = change;
    const auto old = std::ranges::find_if(present, [&](const Present& made) {
      return made.id && takes_place_of(taking_over, journal_.pending().at(*made.id));
    });
    if (old == present.end()) {
      added.push_back(&change);
    } else {
      replaced.emplace_back(old->change, std::move(taking_over));
    }
  }
  const auto stays = [&](const HostChange& change) {
    const auto old = [](const auto& pair) -> const HostChange& { return pair.first; };
    return std::ranges::find(others, change) != others.end() ||
           std::ranges::find(replaced, change, old) != replaced.end();
  };
  std::vector<HostChange> gone;
  for (auto old = present.rbegin(); old != present.rend(); ++old) {
    if (!stays(old->change)) gone.push_back(old->change);
  }
  std::erase_if(gone, is_dummy);
  // The kernel accepts an IPv6 address only once, whatever its prefix length. So it is removed before it is
  // added with another length.
  const auto returns_with_another_length = [&added](const HostChange& old) {
    const auto* was = std::get_if<AddressAdded>(&old);
    return was != nullptr && std::ranges::any_of(added, [was](const HostChange* change) {
             const auto* is = std::get_if<AddressAdded>(change);
             return is != nullptr && !is->address.address.is_v4() &&
                    is->address.address == was->address.address;
           });
  };
  std::erase_if(gone, [&](const HostChange& old) {
    if (!returns_with_another_length(old)) return false;
    revert(old);
    return true;
  });
  // New changes are made before old ones are undone, so that there is always a route. Addresses are an
  // exception: with an old one, the kernel also removes its secondaries. So old addresses go first, and what
  // the kernel has removed with them is restored at once.
  const auto later = std::ranges::stable_partition(
      gone, [](const HostChange& change) { return std::holds_alternative<AddressAdded>(change); });
  if (later.begin() != gone.begin()) {
    for (const HostChange& change : std::span(gone.begin(), later.begin())) keep_ipv4_routes(change);
    std::erase_if(added, [this](const HostChange* change) {
      const bool is_address = std::holds_alternative<AddressAdded>(*change);
      if (is_address) make(*change);
      return is_address;
    });
    for (const HostChange& change : std::span(gone.begin(), later.begin())) revert(change);
    restore_removed_by_kernel();
  }
  for (const auto& [old, wish] : replaced) replace(old, wish);
  for (const HostChange* change : added) make(*change);
  for (const HostChange& change : later) revert(change);
  drop_dummy_address(wanted);
  for (Present& each : present_) each.is_taken_over = false;
  follow_guard();
  // What was left closed must stay closed if the start fails after this. Only a requested end opens it.
  if (std::exchange(inherited_closed_, false)) stays_closed_ = true;
}

void HostChanges::follow_guard() {
  const NftTable* table = nullptr;
  for (const Present& present : present_) {
    if (fails_closed(present.change)) table = &std::get<NftTable>(present.change);
  }
  const std::string rules = table == nullptr ? "" : table->guard;
  if (rules == guard_rules_) return;
  { const net::FileDescriptor old = std::move(guard_); }
  guard_rules_ = rules;
  if (rules.empty()) return;
  try {
    guard_ = hold_guard(*table);
  } catch (const std::exception& error) {
    log::warn(
        "the kill switch has no guard: a firewall that flushes all tables opens it until it is put back: {}",
        error.what());
  }
}

bool HostChanges::has_ipv4_routes(const std::string& interface) const {
  return std::ranges::any_of(present_, [&interface](const Present& present) {
    const auto* route = std::get_if<RouteAdded>(&present.change);
    return route != nullptr && route->destination.address.is_v4() && route->interface.name == interface;
  });
}

void HostChanges::keep_ipv4_routes(const HostChange& going) {
  const auto* address = ipv4_address(going);
  if (address == nullptr || !has_ipv4_routes(address->interface.name)) return;
  const AddressAdded dummy{.interface = {address->interface.name}, .address = net::dummy_address()};
  if (std::ranges::find(present_, HostChange(dummy), &Present::change) == present_.end()) make(dummy);
}

void HostChanges::drop_dummy_address(const std::vector<HostChange>& wanted) {
  const auto dummy = std::ranges::find_if(present_, is_dummy, &Present::change);
  if (dummy == present_.end() || std::ranges::find(wanted, dummy->change) != wanted.end()) return;
  const HostChange change = dummy->change;
  const std::string& interface = ipv4_address(change)->interface.name;
  const bool has_another = std::ranges::any_of(present_, [&interface](const Present& present) {
    const auto* address = ipv4_address(present.change);
    return address != nullptr && !is_dummy(present.change) && address->interface.name == interface;
  });
  if (has_another || !has_ipv4_routes(interface)) revert(change);
}

void HostChanges::restore_removed_by_kernel() {
  const auto restore_all = [this](auto is_kind) {
    HostState now(netlink_);
    for (const Present& present : present_) {
      if (!present.id || !is_kind(present.change)) continue;
      const HostChange& made = journal_.pending().at(*present.id);
      if (standing_of(made, now) == Standing::kMissing) apply(made);
    }
  };
  restore_all([](const HostChange& change) { return std::holds_alternative<AddressAdded>(change); });
  restore_all([](const HostChange& change) { return std::holds_alternative<RouteAdded>(change); });
}

void HostChanges::entrust(HostChange change) {
  if (prepare(change, netlink_) == Preparation::kReady) journal_.record(change);
}

void HostChanges::make(const HostChange& wish) {
  failed_ = wish;
  route_index_.reset();
  try {
    make_it(wish);
  } catch (const std::system_error& error) {
    if (!can_do_without(wish)) throw;
    log::warn("{}: not done: {}", in_words(wish), error.what());
    present_.push_back({.change = wish,
                        .id = std::nullopt,
                        .refused = error.what(),
                        .is_unmade = std::holds_alternative<DnsSet>(wish)});
  }
  failed_.reset();
}

void HostChanges::make_it(const HostChange& wish) {
  HostChange change = wish;
  const SharedSettingsLock lock(change);
  if (prepare(change, netlink_) == Preparation::kAlreadyThere && !inherit_setting(change, journal_)) {
    log::info("{}: was there already, and stays", in_words(change));
    present_.push_back({wish, std::nullopt, index_of(change)});
    return;
  }
  check_device(change);
  const std::uint64_t id = record(change);
  try {
    apply(change);
  } catch (const net::NetlinkError& error) {
    using Reason = net::NetlinkError::Reason;
    const bool nothing_done = error.reason() == Reason::kExists || error.reason() == Reason::kNotPermitted;
    if (nothing_done && std::holds_alternative<RouteAdded>(change) && is_as_wished(change, netlink_)) {
      journal_.forget(id);
      log::info("{}: was there already, and stays", in_words(change));
      present_.push_back({wish, std::nullopt, index_of(change)});
      return;
    }
    if (error.reason() == Reason::kExists) {
      journal_.forget(id);
    } else {
      undo_half_made(id, change);
    }
    throw;
  } catch (const std::system_error&) {
    undo_half_made(id, change);
    throw;
  }
  present_.push_back({wish, id, index_of(change), table_of(change)});
  log::info("{}", in_words(change));
}

void HostChanges::replace(const HostChange& made, const HostChange& wish) {
  const auto place = std::ranges::find(present_, made, &Present::change);
  const std::uint64_t id = place->id.value();
  const HostChange before = journal_.pending().at(id);
  journal_.rewrite(id, wish);
  try {
    apply(wish);
  } catch (const std::exception& error) {
    journal_.rewrite(id, before);
    // The change may have been made although its result was lost, so the old content is restored. If the
    // table comes from an earlier run, that content is not known, and an empty table would let everything
    // out.
    if (!place->has_old_content) restore_content(made, before);
    place->table = table_of(made);
    failed_ = wish;
    if (!can_do_without(wish)) throw;
    failed_.reset();
    log::warn("{}: not done: {}", in_words(wish), error.what());
    if (!std::holds_alternative<DnsSet>(wish)) return;
    // The new name servers are still wanted, and repair() tries again. Until then, the host keeps the old
    // ones.
    journal_.rewrite(id, wish);
    place->change = wish;
    place->refused = error.what();
    place->is_unmade = true;
    place->put_back.reset();
    return;
  }
  place->change = wish;
  place->table = table_of(wish);
  place->refused.reset();
  place->is_unmade = false;
  log::info("{}", in_words(wish));
}

void HostChanges::restore_content(const HostChange& made, const HostChange& journaled) noexcept {
  HostChange content = made;  // the journal does not contain all of it
  if (!takes_place_of(content, journaled)) return;
  try {
    apply(content);
  } catch (const std::exception& error) {
    log::warn("{}: could not be restored: {}", in_words(content), error.what());
  }
}

void HostChanges::revert(const HostChange& change) {
  const auto found = std::ranges::find(present_, change, &Present::change);
  if (found == present_.end()) return;
  const std::optional<std::uint64_t> id = found->id;
  try {
    if (id) undo_one(*id, HostChange(journal_.pending().at(*id)), false);
  } catch (const std::exception& error) {
    // A change taken over from an earlier run must not prevent the start. It is tried again later, together
    // with what failed tries have left.
    if (!found->is_taken_over || !std::holds_alternative<DnsSet>(change)) throw;
    log::warn("{} stays: {}", in_words(change), error.what());
  }
  present_.erase(found);
  route_index_.reset();
  // When no name servers are wanted any more, what failed tries have left is removed as well. If that fails,
  // repair() tries again.
  const auto is_names = [](const Present& present) { return std::holds_alternative<DnsSet>(present.change); };
  if (std::holds_alternative<DnsSet>(change) && std::ranges::none_of(present_, is_names))
    (void)take_names_left_back(net::boot_now(), Pauses::kIgnored);
}

void HostChanges::undo_half_made(std::uint64_t id, const HostChange& change) noexcept {
  try {
    if (take_back(change) == Undone::kDone) log::debug("{}: taken back", in_words(change));
    journal_.forget(id);
  } catch (const net::NetlinkError& error) {
    // If we are not permitted to undo it, we were not permitted to make it either. If root makes it later, it
    // is not ours.
    if (error.reason() == net::NetlinkError::Reason::kNotPermitted) journal_.forget(id);
  } catch (const std::exception&) {
    // The entry stays in the journal, and the destructor tries again.
  }
}

void HostChanges::undo_one(std::uint64_t id, const HostChange& change, bool after_kill) {
  const SharedSettingsLock lock(change);
  const Undone undone = take_back(change);
  journal_.forget(id);
  if (undone == Undone::kNotOurs) {
    // After a kill, this is no warning: the change may never have been made.
    log::line(after_kill ? log::Level::kInfo : log::Level::kWarning,
              "{}: no longer there, or changed by somebody else; left alone", in_words(change));
  } else if (undone == Undone::kDone) {
    log::info("{}: undone", in_words(change));
  } else if (undone == Undone::kIsShared) {
    log::info("{}: stays, because another tunneld needs it, too", in_words(change));
  }
}

HostChanges::LeftBehind HostChanges::undo_all(bool after_kill, bool keep_closed, Programs programs) noexcept {
  LeftBehind result;
  const auto& pending = journal_.pending();
  auto below = std::numeric_limits<std::uint64_t>::max();
  for (auto next = pending.lower_bound(below); next != pending.begin(); next = pending.lower_bound(below)) {
    --next;
    below = next->first;
    if (keep_closed && fails_closed(next->second)) continue;
    const auto* names = std::get_if<DnsSet>(&next->second);
    if (programs == Programs::kOnlyGood && program_hangs_ && names != nullptr && needs_a_program(*names)) {
      ++result.stuck;
      continue;
    }
    try {
      undo_one(below, HostChange(next->second), after_kill);
      ++result.undone;
    } catch (const std::exception& error) {
      log::warn("{} stays: {}", in_words(next->second), error.what());
      ++result.stuck;
    }
  }
  return result;
}

}  // namespace tunneld::daemon
