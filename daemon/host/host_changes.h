// The only place that changes the host. Each change is journaled, then made. At the end all of them are
// undone in reverse order, however the run ends: by a stop, a failed start, or a kill, after which the next
// start or `tunneld cleanup` undoes them.
//
// The exception is a kill switch that a dead run left closed on purpose (NftTable::fail_closed): it stays
// until the next run has its own in place, and longer if that run fails before then.
//
// What others take away while we run is found by a comparison with the kernel (host_state.h) and made again
// (host_repair.cc); daemon/host/host_watch.h tells when to look.
//
// What was there before is never touched. If the very same address or setting exists already, it is left to
// its owner, neither made nor undone; a route or rule that conflicts is an error. What somebody else has
// changed in the meantime is not undone, and one line in the log says so.
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
  /// What becomes of what a run before has left.
  enum class LeftClosed : std::uint8_t {
    kIsUndone,
    kStays,  // what fails closed, until become(); the rest is undone
    /// All of it, as if this object had made it, where it is of the device that has the interface's name now;
    /// otherwise as above.
    kIsTakenOver,
  };

  /// Precondition: the interface's lock is held. Throws JournalError, NetlinkError, std::system_error.
  explicit HostChanges(const std::string& interface, LeftClosed left = LeftClosed::kIsUndone);
  /// Undoes everything but what stays closed. What cannot be undone stays in the journal, for `tunneld
  /// cleanup`.
  ~HostChanges();
  HostChanges(const HostChanges&) = delete;
  HostChanges& operator=(const HostChanges&) = delete;

  /// Throws NetlinkError or std::system_error in words; then this one was not made, and those before stay
  /// until the destructor. What can be done without is a warning instead.
  void make(const HostChange& wish);
  /// Journals what is about to be made elsewhere, so that it is undone at the end, after everything else. No
  /// plan has it. Throws NetlinkError or std::system_error: it must not be made then.
  void entrust(HostChange change);
  /// Undoes one change that was made before; nothing if it was not. Throws as make() does: still there.
  void revert(const HostChange& change);
  /// Makes the host match `wanted`: what is new is made, in order; what is the same thing with other content
  /// is changed in place; what was made and is not wanted is undone, in reverse order. Throws NetlinkError or
  /// std::system_error in words; then what was done up to there stays, until another call or the destructor.
  void become(const std::vector<HostChange>& wanted);

  /// One thing that is not as it was made.
  struct Lack {
    std::string what;  ///< in_words()
    Standing standing = Standing::kMissing;
    /// Somebody takes it away again and again, and it waits for its next repair.
    bool is_fought_over = false;
    /// Why it could not be made, or put back, the last time; empty where nobody has tried, or nothing
    /// refused.
    std::string why{};

    /// With the reason or state, where there is one.
    [[nodiscard]] std::string in_words() const;
  };
  /// What others have taken away, and name servers that could not be set, in the order of a plan. A service
  /// that does not answer is named only after kRepairPause: it may be restarting. Throws NetlinkError or
  /// std::system_error.
  [[nodiscard]] std::vector<Lack> lacks(Instant now = net::boot_now());

  /// Whether one of the routes is in this table and leads to `destination`. Cheap: asked for every route that
  /// anybody changes on the host.
  [[nodiscard]] bool has_route(std::uint32_t table, const net::IpPrefix& destination);
  /// Whether any of the routes is in this table. Cheap, too.
  [[nodiscard]] bool has_routes(std::uint32_t table);

  /// The shortest time between two repairs of a thing that a program keeps taking away.
  static constexpr Duration kRepairPause = std::chrono::seconds(5);
  /// For name servers the pause doubles each time, up to this: nothing leaks without them, and other programs
  /// may write the file, too.
  static constexpr Duration kLongestPause = std::chrono::minutes(1);
  /// The same after tries that took too long: a program that hangs blocks the whole daemon each time
  /// (host_names.cc).
  static constexpr Duration kHangingPause = std::chrono::minutes(10);
  /// What reports changes to it: the kernel, or the files of the program that keeps the host's name servers.
  enum class Part : std::uint8_t { kKernel, kNames };
  struct Repair {
    std::vector<std::string> put_back;
    /// Name servers that could not be set before.
    std::vector<std::string> made;
    struct Refusal {
      std::string what;
      std::string why;
    };
    /// Tried, and impossible. Only what was not refused last time.
    std::vector<Refusal> refused;
    /// Somebody takes these away again and again. Each is named once, until it has stayed for a while.
    std::vector<std::string> fought_over;
    /// Not tried, because of where the device or a port is now. Named once.
    std::vector<Lack> out_of_reach;
    /// Of name servers: who has taken them away; empty: nobody knows.
    std::string by;
    /// When to compare again; nullopt: nothing is missing, or nothing that a later try could repair.
    std::optional<Instant> again;
  };
  enum class Pauses : std::uint8_t { kKept, kIgnored };
  /// Makes again what is missing, in the order of a plan: each thing at once, but with kKept not twice within
  /// its pause. With kIgnored, name servers that another program keeps now are given to that one. Name
  /// servers that could not be set wait for one pause in any case: the last try was just now. Throws only
  /// where the kernel cannot be asked.
  Repair repair(Instant now, Pauses pauses, Part part = Part::kKernel);
  /// The files that change when others take name servers of ours away, or when those that could not be set
  /// or taken back may find somebody who keeps them; empty where there are none of ours. May throw.
  [[nodiscard]] std::vector<std::string> names_places() const;
  /// What the last make() or become() that threw could not do.
  [[nodiscard]] const std::optional<HostChange>& failed() const { return failed_; }

  /// Whether the destructor leaves alone what is to fail closed; false at first.
  void stay_closed(bool stays) { stays_closed_ = stays; }
  /// From now on the destructor undoes nothing: the next run takes it over (LeftClosed::kIsTakenOver).
  void leave_to_next() { is_left_to_next_ = true; }

  struct LeftBehind {
    std::size_t undone = 0;
    std::size_t stuck = 0;  ///< errors; tried again at the end
  };
  [[nodiscard]] const LeftBehind& left_behind() const { return left_behind_; }

 private:
  struct Present {
    HostChange change;  ///< as it was wished for
    /// In the journal; nullopt for what was there already and is not ours, and for what could not be made.
    std::optional<std::uint64_t> id;
    /// Of its device, when it was made; 0 where it has none.
    std::uint32_t index = 0;
    /// Of an nft table, as it was made.
    std::optional<net::NftTableState> table{};
    /// When it was last put back, or tried to.
    std::optional<Instant> put_back{};
    /// Since when the program that keeps the name servers has not answered.
    std::optional<Instant> unanswered{};
    [[nodiscard]] bool is_silent(Instant now) const {
      return unanswered && now - *unanswered >= kRepairPause;
    }
    /// Not asked again before, because asking takes long.
    std::optional<Instant> silent_until{};
    /// Since when it has failed because the file is read-only for us.
    std::optional<Instant> read_only{};
    /// Before the next time.
    Duration pause = kRepairPause;
    /// Why it could not be made the last time.
    std::optional<std::string> refused{};
    /// Name servers that were never set as they are wished for: nobody has taken them away.
    bool is_unmade = false;
    /// As fought over, or out of reach.
    bool was_named = false;
    /// From a run before, until the first become() is through.
    bool is_taken_over = false;
    /// The journal of the run before does not hold the content of tables.
    bool has_old_content = false;
  };
  struct Missing {
    Present* present = nullptr;
    HostChange made;
    Standing standing = Standing::kMissing;
  };

  [[nodiscard]] bool can_take_over(const std::string& interface) const;
  void take_over();
  /// The tables that were taken over get the content that is wanted now.
  void renew_tables(const std::vector<HostChange>& wanted);
  void make_it(const HostChange& wish);
  void replace(const HostChange& made, const HostChange& wish);
  [[nodiscard]] bool has_ipv4_routes(const std::string& interface) const;
  /// With its last IPv4 address a link loses all its IPv4 routes, at once, and putting them back takes its time:
  /// what is meant for the tunnel would leave in clear. So there is a dummy address meanwhile, and for as long
  /// as no other comes. (A new one of the same network is not enough: it goes along with the old one.)
  void keep_ipv4_routes(const HostChange& going);
  void drop_dummy_address(const std::vector<HostChange>& wanted);
  /// Makes the addresses and routes again that the kernel has removed together with an address.
  void restore_removed_by_kernel();
  /// The content of a change whose replacement has failed. `journaled`: with what was there before it.
  void restore_content(const HostChange& made, const HostChange& journaled) noexcept;
  [[nodiscard]] HostChange as_made(const Present& present) const;
  [[nodiscard]] Standing ask(HostState& state, Present& present, const HostChange& made, Instant now);
  /// Also those that have just begun not to answer.
  std::vector<Missing> compare(Part part, Instant now);
  void make_again(Present& present);
  using RouteIndex = std::set<std::pair<std::uint32_t, net::IpPrefix>>;
  const RouteIndex& route_index();
  void check_device(const HostChange& change) const;
  /// kOnlyGood: not those that have just hung.
  enum class Programs : std::uint8_t { kAll, kOnlyGood };
  LeftBehind undo_all(bool after_kill, bool keep_closed, Programs programs = Programs::kAll) noexcept;
  /// Journals and makes it; half made is taken back. Its number in the journal. Throws what says why not.
  std::uint64_t journal_and_make(HostChange change);
  void undo_half_made(std::uint64_t id, const HostChange& change) noexcept;
  void undo_one(std::uint64_t id, const HostChange& change, bool after_kill);

  // Name servers: host_names.cc.

  /// apply_change(), and undo(), with a patience for programs of the host. Throw as those do.
  void apply(const HostChange& change);
  [[nodiscard]] Undone take_back(const HostChange& change);
  class ProgramWatch;
  [[nodiscard]] std::chrono::milliseconds names_patience() const;
  /// In the journal, by tries that failed and could not be taken back: nothing present has them.
  [[nodiscard]] std::vector<std::uint64_t> names_left() const;
  [[nodiscard]] std::optional<std::uint64_t> names_left_at(const DnsSet& place) const;
  /// Journals what is about to be made, in the place of what is left of a failed try. Throws as
  /// Journal::record() and undo_one() do: it must not be made then.
  [[nodiscard]] std::uint64_t record(HostChange& change);
  void take_over(std::uint64_t left, DnsSet& names);
  /// To a file that has been replaced, or the one that a link leads to now. Throws std::system_error.
  void follow_names(Present& present, DnsSet& names);
  /// With whoever keeps the host's now. Throws as journal_and_make() does.
  void give_to_new_keeper(Present& present);
  /// False: it stays.
  bool take_left_back(std::uint64_t id) noexcept;
  void take_back_left_elsewhere(const DnsSet& place) noexcept;
  /// All that is left, unless another try does it. Returns when to try again.
  std::optional<Instant> take_names_left_back(Instant now, Pauses pauses);

  /// Makes the guard fit the kill switch that there is now. Without one it is a warning.
  void follow_guard();

  net::Netlink netlink_;
  Journal journal_;
  std::vector<Present> present_;
  /// The routes among them, by table and destination; nullopt until somebody asks after a change.
  std::optional<RouteIndex> route_index_;
  std::optional<HostChange> failed_;
  /// NftTable::guard is in force while `guard_` is open; `guard_rules_` was the last to be tried.
  net::FileDescriptor guard_;
  std::string guard_rules_;
  bool stays_closed_ = false;
  bool is_left_to_next_ = false;
  /// What a dead run left closed is still there.
  bool inherited_closed_ = false;
  /// A repair that came by itself goes on.
  bool is_repairing_ = false;
  /// A program that keeps the name servers: the last time.
  bool program_hangs_ = false;
  /// The longest that it came to an end after.
  Duration program_took_{};
  /// What is left of failed tries.
  std::optional<Instant> left_tried_;
  Duration left_pause_ = kRepairPause;
  LeftBehind left_behind_;
};

}  // namespace tunneld::daemon
