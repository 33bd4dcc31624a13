// What comes out of a tap that is a port of a bridge, on its way to this host itself; machines on the bridge
// get it all. A table of the bridge family, with the name of our table of the inet family.
#pragma once

#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

struct BridgeFilter {
  Interface interface;
  /// No peer becomes this host's router by advertisements or redirects.
  bool no_routers = false;
  /// Nothing that a peer sent leaves by the tap again.
  bool isolates = false;
  bool operator==(const BridgeFilter&) const = default;

  static constexpr std::string_view kName = "bridge_filter";
  [[nodiscard]] std::string in_words() const;
  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static std::optional<BridgeFilter> from_json(const Json& json);
  [[nodiscard]] Preparation prepare(net::Netlink& netlink);
  void apply(net::Netlink& netlink) const;
  [[nodiscard]] Undone undo(net::Netlink& netlink) const;
  [[nodiscard]] std::optional<net::NftTableState> table_now() const;
  [[nodiscard]] Standing standing(const std::optional<net::NftTableState>& as_made) const;
  bool takes_place_of(const BridgeFilter& made);

  /// As nft(8) reads it.
  [[nodiscard]] std::string nft_text() const;
};

}  // namespace tunneld::daemon
