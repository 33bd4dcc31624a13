// Our nft tables: told from others' by their comment, and replaced or removed only with it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "common/net/file_descriptor.h"
#include "common/net/nft_watch.h"
#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

/// A table of the inet family, all of it ours. Another of the same name replaces it in one transaction: there
/// is always one of them for each packet. Counters of the same name go on counting.
struct NftTable {
  std::string name;
  /// What stands in the table's braces, one statement a line. Not journaled: the name suffices to undo it.
  std::string rules;
  /// Stays when a run dies, until the next one has its own in place (see HostChanges).
  bool fail_closed = false;
  /// Rules that hold when somebody flushes all tables, until this one is put back. Not journaled.
  std::string guard{};
  /// The tunnel is worth having without it. Not journaled.
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

// --- also of the netdev family (tap_filter.h)

inline constexpr const char* kOurNftComment = "made by tunneld";
/// The name of an interface's tables.
[[nodiscard]] std::string nft_table_name(const std::string& interface);
/// False: there is none, or it is not ours. Throws net::NetlinkError.
bool remove_nft_table(const std::string& name, const std::string& family = "inet");
/// To be compared later; nullopt where it cannot be told. Never throws NetlinkError.
[[nodiscard]] std::optional<net::NftTableState> nft_table_now(const std::string& name, net::NftFamily family);
/// Whether nobody has deleted it or emptied it since. `as_made` nullopt: whether there is one. Throws
/// net::NetlinkError.
[[nodiscard]] Standing nft_table_standing(const std::string& name, net::NftFamily family,
                                          const std::optional<net::NftTableState>& as_made);

/// `table.guard` as a table that nobody can flush or delete while what is returned is open. Throws
/// net::NetlinkError, std::system_error.
[[nodiscard]] net::FileDescriptor hold_guard(const NftTable& table);

/// All of ours, for the case that no journal names them. Returns how many. Throws net::NetlinkError.
std::size_t remove_all_nft_tables();

}  // namespace tunneld::daemon
