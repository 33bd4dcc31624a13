// Makes an interface a port of a bridge: our own device, or a member of a bridge that tunneld creates. Such a
// member is also set up.
#pragma once

#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

struct BridgePort {
  Interface interface;
  Interface bridge;
  bool is_member = false;
  /// Whether the interface was up before.
  std::optional<bool> before = std::nullopt;
  bool operator==(const BridgePort& other) const {
    return interface == other.interface && bridge == other.bridge && is_member == other.is_member;
  }

  static constexpr std::string_view kName = "bridge_port";
  [[nodiscard]] std::string in_words() const;
  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static std::optional<BridgePort> from_json(const Json& json);
  [[nodiscard]] Preparation prepare(net::Netlink& netlink);
  void apply(net::Netlink& netlink) const;
  [[nodiscard]] Undone undo(net::Netlink& netlink) const;
  [[nodiscard]] Standing standing(HostState& now) const;
  [[nodiscard]] std::string command() const;
};

}  // namespace tunneld::daemon
