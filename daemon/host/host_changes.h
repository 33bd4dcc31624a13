// The only place that changes the host. Each change is journaled, then made. At the end all of them are
// undone in reverse order, however the run ends: by a stop, a failed start, or a kill, after which the next
// start or `tunneld cleanup` undoes them.
//
// The exception is a kill switch that a dead run left closed on purpose (NftTable::fail_closed): it stays
// until the next run has its own in place, and longer if that run fails before then.
//
// If others remove a change while we run, a comparison with the kernel finds that (host_state.h), and the
// change is made again (host_repair.cc). daemon/host/host_watch.h decides when to compare.
//
// What was there before us stays untouched. If exactly the same address or setting exists already, it belongs
// to somebody else, so it is neither made nor undone. A route or rule that conflicts is an error. If somebody
// else has changed a thing since we made it, it is not undone, and a log line says so.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/net/file_descriptor.h"
#include "common/net/netlink.h"
#include "common/net/nft_watch.h"
#include "common/net/system_clock.h"
#include "daemon/host/host_change.h"
#include "daemon/host/host_state.h"
#include "daemon/host/journal.h"

namespace tunneld::daemon {

class HostChanges {
 public:
  /// What happens to the changes that an earlier run has left.
  enum class LeftClosed : std::uint8_t {
    kIsUndone,
    kStays,  // changes that fail closed stay until become(); all others are undone
    /// All changes are treated as if this object had made them. If the device is gone, or another one has its
    /// name, this is the same as kStays.
    kIsTakenOver,
  };

  /// Precondition: the interface's lock is held. Throws JournalError, NetlinkError, std::system_error.
  explicit HostChanges(const std::string& interface, LeftClosed left = LeftClosed::kIsUndone);
  /// Undoes everything except what stays closed. What cannot be undone stays in the journal, for `tunneld
  /// cleanup`.
  ~HostChanges();
  HostChanges(const HostChanges&) = delete;
  HostChanges& operator=(const HostChanges&) = delete;

  /// Throws NetlinkError or std::system_error, with a message for the user. Then this change was not made,
  /// and earlier ones stay until the destructor. If the tunnel is useful without the change, a failure is
  /// only a warning.
  void make(const HostChange& wish);
  /// Journals a change that the caller is about to make, so that it is undone at the end, after everything
  /// else. It is in no plan. Throws NetlinkError or std::system_error; then the caller must not make it.
  void entrust(HostChange change);
  /// Undoes a change; does nothing if it was never made. Throws as make() does; then the change is still
  /// there.
  void revert(const HostChange& change);
  /// Makes the host match `wanted`. New changes are made, in order. Changes that differ only in content are
  /// updated in place. Changes that are not wanted any more are undone, in reverse order. Throws NetlinkError
  /// or std::system_error, with a message for the user. Then what was done so far stays, until the next call
  /// or the destructor.
  void become(const std::vector<HostChange>& wanted);

  /// A change that is not as it was made.
  struct Lack {
    std::string what;  ///< in_words()
    Standing standing = Standing::kMissing;
    /// Somebody removes it again and again, and it waits for its next repair.
    bool is_fought_over = false;
    /// Why the last try to make it or put it back failed. Empty if there was no try, or if it succeeded.
    std::string why{};

    /// Includes the reason or state, if there is one.
    [[nodiscard]] std::string in_words() const;
  };
  /// The changes that others have removed, and name servers that could not be set, in the order of a plan. If
  /// a service does not answer, its name servers are included only after kRepairPause, because it may be
  /// restarting. Throws NetlinkError or std::system_error.
  [[nodiscard]] std::vector<Lack> lacks(Instant now = net::boot_now());

  /// Whether one of our routes is in this table and leads to `destination`. Must be cheap, because it is
  /// called for every route that changes on the host.
  [[nodiscard]] bool has_route(std::uint32_t table, const net::IpPrefix& destination);
  /// Whether any of our routes is in this table. Must be cheap, too.
  [[nodiscard]] bool has_routes(std::uint32_t table);

  /// The shortest time between two repairs of the same change, if a program keeps removing it.
  static constexpr Duration kRepairPause = std::chrono::seconds(5);
  /// For name servers, the pause doubles each time, up to this: nothing leaks if they are missing, and other
  /// programs have a right to write the file, too.
  static constexpr Duration kLongestPause = std::chrono::minutes(1);
  /// The longest pause after tries that took too long, because a program that hangs blocks the whole daemon
  /// each time (host_names.cc).
  static constexpr Duration kHangingPause = std::chrono::minutes(10);
  /// Changes are repaired in two parts, by what reports that they are missing: the kernel, or the files of
  /// the program that manages the host's name servers.
  enum class Part : std::uint8_t { kKernel, kNames };
  struct Repair {
    std::vector<std::string> put_back;
    /// Name servers that are set now, and could not be set before.
    std::vector<std::string> made;
    struct Refusal {
      std::string what;
      std::string why;
    };
    /// Tries that failed, except those that had failed the last time, too.
    std::vector<Refusal> refused;
    /// Changes that somebody removes again and again. Each is reported once, until it has stayed for a while.
    std::vector<std::string> fought_over;
    /// Changes that were not tried because of their state (Standing): the device is gone, for example. Each
    /// is reported once.
    std::vector<Lack> out_of_reach;
    /// The program that has removed name servers; empty if it is not known.
    std::string by;
    /// When to compare again. nullopt if nothing is missing, or if a later try could repair nothing.
    std::optional<Instant> again;
  };
  enum class Pauses : std::uint8_t { kKept, kIgnored };
  /// Makes missing changes again, in the order of a plan and at once. With kKept, no change is made twice
  /// within its pause. With kIgnored, if another program manages the name servers now, they are set through
  /// that one. Name servers that could not be set wait for one pause in any case, because the last try was
  /// just now. Throws only if the kernel cannot be asked.
  Repair repair(Instant now, Pauses pauses, Part part = Part::kKernel);
  /// The files to watch for name servers. They change when others remove ours, or when a try that failed
  /// before (to set or to remove some) may succeed. Empty if there are no name servers of ours. May throw.
  [[nodiscard]] std::vector<std::string> names_places() const;
  /// The change that made the last make() or become() throw.
  [[nodiscard]] const std::optional<HostChange>& failed() const { return failed_; }

  /// Whether the destructor keeps changes that fail closed. Initially false.
  void stay_closed(bool stays) { stays_closed_ = stays; }
  /// From now on, the destructor undoes nothing, because the next run takes over everything
  /// (LeftClosed::kIsTakenOver).
  void leave_to_next() { is_left_to_next_ = true; }

  struct LeftBehind {
    std::size_t undone = 0;
    std::size_t stuck = 0;  ///< could not be undone; tried again at the end
  };
  [[nodiscard]] const LeftBehind& left_behind() const { return left_behind_; }

 private:
  struct Present {
    HostChange change;  ///< the wish of the plan
    /// The entry in the journal. nullopt if the change was there already and is not ours, or could not be
    /// made.
    std::optional<std::uint64_t> id;
    /// The index that its device had when the change was made; 0 if it has no device.
    std::uint32_t index = 0;
    /// The state of an nft table when it was made.
    std::optional<net::NftTableState> table{};
    /// The time of the last try to put it back.
    std::optional<Instant> put_back{};
    /// Since when the program that manages the name servers has not answered.
    std::optional<Instant> unanswered{};
    [[nodiscard]] bool is_silent(Instant now) const {
      return unanswered && now - *unanswered >= kRepairPause;
    }
    /// The program is not asked again before this time, because asking takes long.
    std::optional<Instant> silent_until{};
    /// Since when tries have failed because the file is read-only for us.
    std::optional<Instant> read_only{};
    /// The pause before the next repair.
    Duration pause = kRepairPause;
    /// Why the last try to make it failed.
    std::optional<std::string> refused{};
    /// These name servers could not be set as wished, so nobody has removed them.
    bool is_unmade = false;
    /// Was reported as fought over or out of reach.
    bool was_named = false;
    /// Comes from an earlier run. Reset when the first become() has succeeded.
    bool is_taken_over = false;
    /// This table comes from an earlier run, so its content is not known: the journal does not contain it.
    bool has_old_content = false;
  };
  struct Missing {
    Present* present = nullptr;
    HostChange made;
    Standing standing = Standing::kMissing;
  };

  [[nodiscard]] bool can_take_over(const std::string& interface) const;
  void take_over();
  /// Gives tables from an earlier run the content that is wanted now.
  void renew_tables(const std::vector<HostChange>& wanted);
  void make_it(const HostChange& wish);
  void replace(const HostChange& made, const HostChange& wish);
  [[nodiscard]] bool has_ipv4_routes(const std::string& interface) const;
  /// When a link loses its last IPv4 address, the kernel removes all its IPv4 routes. Until they are back,
  /// packets for the tunnel would leave unencrypted. So the link gets a dummy address, until it has another
  /// one. (A new address in the same network is not enough, because the kernel removes it together with the
  /// old one.)
  void keep_ipv4_routes(const HostChange& going);
  void drop_dummy_address(const std::vector<HostChange>& wanted);
  /// When an address is removed, the kernel also removes other addresses and routes. This makes them again.
  void restore_removed_by_kernel();
  /// Restores the old content of a change after its replacement has failed. `journaled` is the same change as
  /// in the journal, which has what was there before it.
  void restore_content(const HostChange& made, const HostChange& journaled) noexcept;
  [[nodiscard]] HostChange as_made(const Present& present) const;
  [[nodiscard]] Standing ask(HostState& state, Present& present, const HostChange& made, Instant now);
  /// The result includes changes whose service has only just stopped answering.
  std::vector<Missing> compare(Part part, Instant now);
  void make_again(Present& present);
  using RouteIndex = std::set<std::pair<std::uint32_t, net::IpPrefix>>;
  const RouteIndex& route_index();
  void check_device(const HostChange& change) const;
  /// kOnlyGood skips changes for which a program has to run that has just hung.
  enum class Programs : std::uint8_t { kAll, kOnlyGood };
  LeftBehind undo_all(bool after_kill, bool keep_closed, Programs programs = Programs::kAll) noexcept;
  /// Journals the change and makes it. If that fails, undoes what was done of it, and rethrows. Returns the
  /// entry in the journal.
  std::uint64_t journal_and_make(HostChange change);
  void undo_half_made(std::uint64_t id, const HostChange& change) noexcept;
  void undo_one(std::uint64_t id, const HostChange& change, bool after_kill);

  // Name servers: host_names.cc.

  /// Like apply_change() and undo(), but with a time limit for programs of the host. Throw as those do.
  void apply(const HostChange& change);
  [[nodiscard]] Undone take_back(const HostChange& change);
  class ProgramWatch;
  [[nodiscard]] std::chrono::milliseconds names_patience() const;
  /// Journal entries of tries that failed and could not be undone. They belong to nothing in `present_`.
  [[nodiscard]] std::vector<std::uint64_t> names_left() const;
  [[nodiscard]] std::optional<std::uint64_t> names_left_at(const DnsSet& place) const;
  /// Journals a change that is about to be made. If a failed try has left an entry for the same place, it is
  /// taken over, or undone first. Throws as Journal::record() and undo_one() do; then the change must not be
  /// made.
  [[nodiscard]] std::uint64_t record(HostChange& change);
  void take_over(std::uint64_t left, DnsSet& names);
  /// Updates `names` and its journal entry if the file was replaced, or if a link leads to another file now.
  /// Throws std::system_error.
  void follow_names(Present& present, DnsSet& names);
  /// Sets the name servers through the program that manages them now. Throws as journal_and_make() does.
  void give_to_new_keeper(Present& present);
  /// Returns false if the entry could not be undone.
  bool take_left_back(std::uint64_t id) noexcept;
  void take_back_left_elsewhere(const DnsSet& place) noexcept;
  /// Undoes all entries that failed tries have left, unless the next try does that anyway. Returns when to
  /// try again.
  std::optional<Instant> take_names_left_back(Instant now, Pauses pauses);

  /// Makes the guard fit the kill switch that there is now. Without one it is a warning.
  void follow_guard();

  net::Netlink netlink_;
  Journal journal_;
  std::vector<Present> present_;
  /// Our routes by table and destination. nullopt after a change, until it is needed again.
  std::optional<RouteIndex> route_index_;
  std::optional<HostChange> failed_;
  /// NftTable::guard is in force while `guard_` is open; `guard_rules_` was the last to be tried.
  net::FileDescriptor guard_;
  std::string guard_rules_;
  bool stays_closed_ = false;
  bool is_left_to_next_ = false;
  /// Changes that a dead run has left closed are still there.
  bool inherited_closed_ = false;
  /// A repair is running that nobody has requested.
  bool is_repairing_ = false;
  /// Whether the program that manages the name servers took too long the last time.
  bool program_hangs_ = false;
  /// The longest time that it has taken without hanging.
  Duration program_took_{};
  /// The last try to undo what failed tries have left, and the pause before the next one.
  std::optional<Instant> left_tried_;
  Duration left_pause_ = kRepairPause;
  LeftBehind left_behind_;
};

}  // namespace tunneld::daemon
