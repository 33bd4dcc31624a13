// Our own device, where it outlives us: it is put back as it was, while nobody uses it.
#pragma once

#include "common/net/tun_state.h"
#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

/// Its offloads, their header and its flags. net::TunDevice changes them while it opens the device, so that
/// no plan has this; HostChanges::entrust() journals it.
struct DeviceOpened {
  Interface interface;
  net::TunState before{};
  bool operator==(const DeviceOpened& other) const { return interface == other.interface; }

  static constexpr std::string_view kName = "device";
  [[nodiscard]] std::string in_words() const;
  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static std::optional<DeviceOpened> from_json(const Json& json);
  [[nodiscard]] Preparation prepare(net::Netlink& netlink);
  void apply(net::Netlink& netlink) const;
  [[nodiscard]] Undone undo(net::Netlink& netlink) const;
  [[nodiscard]] Standing standing(HostState& now) const;
};

}  // namespace tunneld::daemon
