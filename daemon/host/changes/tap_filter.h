// What comes out of a tap from peers is marked where it comes in, before the host sees it, and what has the
// mark does not leave by the tap again. A table of the netdev family, with the name of our table of the inet
// family, whose rules ask for the mark as well (daemon/host/firewall.cc).
//
// The rules of other families know only the link that a packet has come to in the end, and that may be
// anything that stands on the tap: the bridge that tunneld has put it into or somebody else has, a VLAN, a
// macvlan, a VLAN on that bridge. The mark stays with the packet through all of them. It goes where the packet
// leaves this host's network namespace, so machines and containers behind the tap get everything.
#pragma once

#include <cstdint>

#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

/// The bits of the firewall mark that are used. High, where few others have theirs.
inline constexpr std::uint32_t kPeersMarkBits = 0x1f000000;
/// Of what has come from the peers of this tap. tap0 and tap1 differ in it: packets between the peers of one
/// and of the other pass. tap12 and tap21 do not: a start says so.
[[nodiscard]] std::uint32_t peers_mark(const std::string& interface);

struct TapFilter {
  Interface interface;
  /// Nothing that a peer has sent leaves by the tap again.
  bool isolates = false;
  /// A tap alone is worth having without it. Not journaled.
  bool is_wish = false;
  bool operator==(const TapFilter&) const = default;

  static constexpr std::string_view kName = "tap_filter";
  [[nodiscard]] std::string in_words() const;
  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static std::optional<TapFilter> from_json(const Json& json);
  [[nodiscard]] Preparation prepare(net::Netlink& netlink);
  void apply(net::Netlink& netlink) const;
  [[nodiscard]] Undone undo(net::Netlink& netlink) const;
  [[nodiscard]] std::optional<net::NftTableState> table_now() const;
  [[nodiscard]] Standing standing(const std::optional<net::NftTableState>& as_made) const;
  [[nodiscard]] bool can_do_without() const { return is_wish; }
  bool takes_place_of(const TapFilter& made);

  /// As nft(8) reads it.
  [[nodiscard]] std::string nft_text() const;
};

}  // namespace tunneld::daemon
