// Our own device's settings, if the device outlives us. They are restored at the end, unless another program
// uses the device by then.
#pragma once

#include "common/net/tun_state.h"
#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

/// The device's flags, offloads and the header for them. net::TunDevice changes them while it opens the
/// device. So no plan contains this change, and HostChanges::entrust() journals it.
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
