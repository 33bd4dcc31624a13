// Our nft tables. A comment in each of them identifies it: a table without it is neither replaced nor
// removed.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "common/net/file_descriptor.h"
#include "common/net/nft_watch.h"
#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

/// A table of the inet family; its whole content is ours. A new version replaces it in one transaction, so no
/// packet passes without rules. Counters that keep their name also keep their values.
struct NftTable {
  std::string name;
  /// The text between the table's braces, one statement per line. Not journaled, because the name suffices to
  /// undo the change.
  std::string rules;
  /// The table stays if the daemon dies, until the next run has its own in place (see HostChanges).
  bool fail_closed = false;
  /// Rules that hold when somebody flushes all tables, until this one is put back. Not journaled.
  std::string guard{};
  /// The tunnel is useful without it. Not journaled.
  bool is_wish = false;
  bool operator==(const NftTable&) const = default;

  static constexpr std::string_view kName = "nft";
  [[nodiscard]] std::string in_words() const;
  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static std::optional<NftTable> from_json(const Json& json);
  [[nodiscard]] Preparation prepare(net::Netlink& netlink);
  void apply(net::Netlink& netlink) const;
  [[nodiscard]] Undone undo(net::Netlink& netlink) const;
  [[nodiscard]] std::optional<net::NftTableState> table_now() const;
  [[nodiscard]] Standing standing(const std::optional<net::NftTableState>& as_made) const;
  [[nodiscard]] bool can_do_without() const { return is_wish; }
  [[nodiscard]] bool takes_place_of(const NftTable& made) const { return name == made.name; }
};

// --- For tables of the netdev family, too (tap_filter.h)

inline constexpr const char* kOurNftComment = "made by tunneld";
/// The name of an interface's tables.
[[nodiscard]] std::string nft_table_name(const std::string& interface);
/// Returns false if there is none, or if it is not ours. Throws net::NetlinkError.
bool remove_nft_table(const std::string& name, const std::string& family = "inet");
/// The table's state, for a later comparison; nullopt if it cannot be read. Never throws NetlinkError.
[[nodiscard]] std::optional<net::NftTableState> nft_table_now(const std::string& name, net::NftFamily family);
/// Whether the table is still in the state `as_made`. If that is nullopt, whether the table exists. Throws
/// net::NetlinkError.
[[nodiscard]] Standing nft_table_standing(const std::string& name, net::NftFamily family,
                                          const std::optional<net::NftTableState>& as_made);

/// `table.guard` as a table that nobody can flush or delete while what is returned is open. Throws
/// net::NetlinkError, std::system_error.
[[nodiscard]] net::FileDescriptor hold_guard(const NftTable& table);

/// Removes all our tables, for the case that no journal names them. Returns how many. Throws
/// net::NetlinkError.
std::size_t remove_all_nft_tables();

}  // namespace tunneld::daemon
