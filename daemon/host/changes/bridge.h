// A bridge that tunneld creates and sets up. Its index is chosen and journaled before the bridge exists, so
// that the bridge can be identified after a kill.
#pragma once

#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

struct BridgeMade {
  Interface interface;
  bool spanning_tree = false;
  bool operator==(const BridgeMade&) const = default;

  static constexpr std::string_view kName = "bridge";
  [[nodiscard]] std::string in_words() const;
  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static std::optional<BridgeMade> from_json(const Json& json);
  [[nodiscard]] Preparation prepare(net::Netlink& netlink);
  void apply(net::Netlink& netlink) const;
  [[nodiscard]] Undone undo(net::Netlink& netlink) const;
  [[nodiscard]] Standing standing(HostState& now) const;
};

}  // namespace tunneld::daemon
