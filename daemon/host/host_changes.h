// The one door for side effects on the host. Each change is journaled, then made; all are undone in reverse
// at the end, whatever way it comes: a stop, a failed start, a kill and then the next start or `tunneld
// cleanup`.
//
// The exception is what a dead run left closed on purpose (NftTable::fail_closed): it stays closed until the
// next run has its own in place, and if that one does not come that far, after it as well.
//
// What others take away while we run is found by a comparison with the kernel (host_state.h) and made again
// (host_repair.cc); daemon/host/host_watch.h tells when to look.
//
// What was there before is never touched. The very same address or setting is left to its owner, neither made
// nor undone; a route or rule in our way is an error. What somebody has changed when it is to be undone stays
// as they want it, with one line in the log.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/net/netlink.h"
#include "common/net/nft_watch.h"
#include "common/net/system_clock.h"
#include "daemon/host/host_change.h"
#include "daemon/host/host_state.h"
#include "daemon/host/journal.h"

namespace tunneld::daemon {

class HostChanges {
 public:
  enum class LeftClosed : std::uint8_t {
    kIsUndone,
    kStays,  // until become()
  };

  /// Precondition: the interface's lock is held. First undoes what a killed run has left. Throws
  /// JournalError, NetlinkError, std::system_error.
  explicit HostChanges(const std::string& interface, LeftClosed left_closed = LeftClosed::kIsUndone);
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
  /// Makes the host as `wanted` has it: what is new is made, in order; what is the same thing with other
  /// content changes in place; what was made and is not in it is undone, in reverse. Throws NetlinkError or
  /// std::system_error in words; then what was done up to there stays, until another call or the destructor.
  void become(const std::vector<HostChange>& wanted);

  /// One thing that is not as it was made.
  struct Lack {
    std::string what;  ///< in_words()
    Standing standing = Standing::kMissing;
    /// Is taken away again and again, and waits for its next turn.
    bool is_fought_over = false;
    /// Why it could not be made, or put back, the last time; empty where nobody has tried, or nothing
    /// refused.
    std::string why{};

    /// With what there is to add.
    [[nodiscard]] std::string in_words() const;
  };
  /// What others have taken away, and name servers that could not be set, in the order of a plan. Who does
  /// not answer is named after kRepairPause: restarting is no absence. Throws NetlinkError or
  /// std::system_error.
  [[nodiscard]] std::vector<Lack> lacks(Instant now = net::boot_now());

  /// Whether one of the routes is in this table, and leads to `destination` if that is given.
  [[nodiscard]] bool has_route(std::uint32_t table, const net::IpPrefix* destination = nullptr) const;

  /// A program that keeps taking a thing away is answered no more often than this.
  static constexpr Duration kRepairPause = std::chrono::seconds(5);
  /// For name servers: twice as much each time, up to this. Nothing leaks by itself without them, and others
  /// have a right to the file.
  static constexpr Duration kLongestPause = std::chrono::minutes(1);
  /// The same after tries that took too long: whoever hangs keeps the whole daemon waiting each time
  /// (host_names.cc).
  static constexpr Duration kHangingPause = std::chrono::minutes(10);
  /// What tells of changes to it: the kernel, or the files of who keeps the host's name servers.
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
    /// Is taken away again and again. Each is named once, until it has stood for a while.
    std::vector<std::string> fought_over;
    /// Not tried, because of where the device or a port is now. Named once.
    std::vector<Lack> out_of_reach;
    /// Of name servers: who has taken them away; empty: nobody knows.
    std::string by;
    /// When to look again at what is missing still; nullopt: nothing is, or nothing that time would mend.
    std::optional<Instant> again;
  };
  enum class Pace : std::uint8_t { kAtOnce, kBounded };
  /// Makes again what is missing, in the order of a plan: each thing at once, but with kBounded not twice
  /// within its pause. With kAtOnce, name servers that another program keeps now are given to that one. Name
  /// servers that could not be set wait for one pause first, whatever the pace: that was just now.
  /// Throws where the kernel cannot be asked; nothing else.
  Repair repair(Instant now, Pace pace, Part part = Part::kKernel);
  /// The files that change when others take name servers of ours away, or when those that could not be set
  /// or taken back may find somebody who keeps them; empty where there are none of ours. May throw.
  [[nodiscard]] std::vector<std::string> names_places() const;
  /// What the last make() or become() that threw could not do.
  [[nodiscard]] const std::optional<HostChange>& failed() const { return failed_; }

  /// Whether the destructor leaves alone what is to fail closed; false at first.
  void stay_closed(bool stays) { stays_closed_ = stays; }

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
    /// Since when who keeps the name servers has not answered.
    std::optional<Instant> unanswered{};
    [[nodiscard]] bool is_silent(Instant now) const {
      return unanswered && now - *unanswered >= kRepairPause;
    }
    /// Asking takes long, and is not done before.
    std::optional<Instant> silent_until{};
    /// Since when it is tried on a file that we may not write to.
    std::optional<Instant> read_only{};
    /// Before the next time.
    Duration pause = kRepairPause;
    /// Why it could not be made the last time.
    std::optional<std::string> refused{};
    /// Name servers that were never set as they are wished for: nobody has taken them away.
    bool is_unmade = false;
    /// As fought over, or out of reach.
    bool was_named = false;
  };
  struct Missing {
    Present* present = nullptr;
    HostChange made;
    Standing standing = Standing::kMissing;
  };

  void make_it(const HostChange& wish);
  void replace(const HostChange& made, const HostChange& wish);
  [[nodiscard]] bool has_ipv4_routes(const std::string& interface) const;
  /// With its last IPv4 address a link loses all its IPv4 routes, at once, and putting them back takes its time:
  /// what is meant for the tunnel would leave in clear. So there is a dummy address meanwhile, and for as long
  /// as no other comes. (A new one of the same network is not enough: it goes along with the old one.)
  void keep_ipv4_routes(const HostChange& going);
  void drop_dummy_address(const std::vector<HostChange>& wanted);
  /// Addresses and routes that the kernel has removed together with an address.
  void restore_what_went_along();
  /// The content of a change whose replacement has failed. `journaled`: with what was there before it.
  void restore_content(const HostChange& made, const HostChange& journaled) noexcept;
  [[nodiscard]] HostChange as_made(const Present& present) const;
  [[nodiscard]] Standing ask(HostState& state, Present& present, const HostChange& made, Instant now);
  /// Also those that have just begun not to answer.
  std::vector<Missing> compare(Part part, Instant now);
  void make_again(Present& present);
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
  /// All that is left, where nothing else would. When to try again.
  std::optional<Instant> take_names_left_back(Instant now, Pace pace);

  net::Netlink netlink_;
  Journal journal_;
  std::vector<Present> present_;
  std::optional<HostChange> failed_;
  bool stays_closed_ = false;
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
