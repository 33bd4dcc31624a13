// Sets our own device's Ethernet address.
#pragma once

#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

struct LinkAddress {
  Interface interface;
  net::MacAddress address;
  /// Needed for a device that outlives us.
  std::optional<net::MacAddress> before = std::nullopt;
  bool operator==(const LinkAddress& other) const {
    return interface == other.interface && address == other.address;
  }

  static constexpr std::string_view kName = "link_address";
  [[nodiscard]] std::string in_words() const;
  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static std::optional<LinkAddress> from_json(const Json& json);
  [[nodiscard]] Preparation prepare(net::Netlink& netlink);
  void apply(net::Netlink& netlink) const;
  [[nodiscard]] Undone undo(net::Netlink& netlink) const;
  [[nodiscard]] Standing standing(HostState& now) const;
  bool takes_place_of(const LinkAddress& made);
  [[nodiscard]] std::string command() const;
};

}  // namespace tunneld::daemon
