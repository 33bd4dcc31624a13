// Our own device: its MTU, and up.
#pragma once

#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

struct LinkUp {
  Interface interface;
  /// 0, of one that is somebody else's: any will do for standing().
  std::uint32_t mtu = 0;
  /// For a device that outlives us; any other disappears with its settings.
  std::optional<net::LinkSettings> before = std::nullopt;
  /// False: no link-local address of the kernel's making. A tap has them as any Ethernet card. WireGuard's
  /// devices have none, and users of wg-quick expect none; to a tun the kernel gives a random one.
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
