// Sets our own device's MTU, and sets the device up.
#pragma once

#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

struct LinkUp {
  Interface interface;
  /// 0 means that standing() accepts any MTU, because we have not set it.
  std::uint32_t mtu = 0;
  /// Needed for a device that outlives us. Any other device disappears with its settings.
  std::optional<net::LinkSettings> before = std::nullopt;
  /// Whether the kernel may generate an IPv6 link-local address. A tap gets one, like any Ethernet card. A
  /// tun would get a random one, but WireGuard's devices have none, so users of wg-quick do not expect one.
  bool link_local = false;
  bool operator==(const LinkUp& other) const {
    return interface == other.interface && mtu == other.mtu && link_local == other.link_local;
  }

  static constexpr std::string_view kName = "link";
  [[nodiscard]] std::string in_words() const;
  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static std::optional<LinkUp> from_json(const Json& json);
  [[nodiscard]] Preparation prepare(net::Netlink& netlink);
  void apply(net::Netlink& netlink) const;
  [[nodiscard]] Undone undo(net::Netlink& netlink) const;
  [[nodiscard]] Standing standing(HostState& now) const;
  bool takes_place_of(const LinkUp& made);
  [[nodiscard]] std::string command() const;
};

}  // namespace tunneld::daemon
