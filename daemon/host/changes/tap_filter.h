// Marks packets from peers where they come out of the tap, before the host processes them. If peers are kept
// apart, a packet with the mark does not leave through the tap again. The rules are in a table of the netdev
// family. It has the same name as our table of the inet family, whose rules check the mark, too
// (daemon/host/firewall.cc).
//
// The rules of other families see only the link at which a packet finally arrives. That may be anything on
// top of the tap: a bridge that tunneld or somebody else has put it into, a VLAN, a macvlan, a VLAN on that
// bridge. The mark stays with the packet through all of them. It is lost when the packet leaves this host's
// network namespace, so machines and containers behind the tap get everything.
#pragma once

#include <cstdint>

#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

/// The bits of the firewall mark that we use. They are high ones, because few other programs use those.
inline constexpr std::uint32_t kPeersMarkBits = 0x1f000000;
/// The mark of packets from this tap's peers. tap0 and tap1 have different marks, so packets between their
/// peers pass. tap12 and tap21 have the same mark; a start warns of that.
[[nodiscard]] std::uint32_t peers_mark(const std::string& interface);

struct TapFilter {
  Interface interface;
  /// Nothing that a peer has sent leaves through the tap again.
  bool isolates = false;
  /// The tunnel is useful without it: the configuration puts the tap into no bridge. Not journaled.
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

  /// In the syntax of nft(8).
  [[nodiscard]] std::string nft_text() const;
};

}  // namespace tunneld::daemon
