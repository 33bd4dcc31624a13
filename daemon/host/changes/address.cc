#include "daemon/host/changes/address.h"

#include <algorithm>

#include "daemon/host/host_state.h"

namespace tunneld::daemon {

std::string AddressAdded::in_words() const {
  return "address " + address.to_string() + " dev " + interface.name;
}

std::string AddressAdded::command() const {
  return "ip address add " + address.to_string() + " dev " + interface.name;
}

Json AddressAdded::to_json() const {
  Json object = interface.to_json();
  object["address"] = address.to_string();
  return object;
}

std::optional<AddressAdded> AddressAdded::from_json(const Json& json) {
  const auto address = net::IpPrefix::parse(json.at("address").get<std::string>());
  if (!address) return std::nullopt;
  return AddressAdded{.interface = Interface::from_json(json), .address = *address};
}

Preparation AddressAdded::prepare(net::Netlink& netlink) {
  interface.look_up();
  // An address does not say who added it, so this must be known before ours is added.
  const auto present = netlink.addresses(interface.index);
  const bool is_there =
      std::ranges::find(present, net::InterfaceAddress{interface.index, address}) != present.end();
  return is_there ? Preparation::kAlreadyThere : Preparation::kReady;
}

void AddressAdded::apply(net::Netlink& netlink) const {
  netlink.add_address({.interface_index = interface.index, .address = address});
}

Undone AddressAdded::undo(net::Netlink& netlink) const {
  if (!interface.is_there()) return Undone::kDeviceGone;
  return remove_ours(
      [&] { netlink.remove_address({.interface_index = interface.index, .address = address}); });
}

Standing AddressAdded::standing(HostState& now) const {
  if (!now.link(interface)) return Standing::kNoDevice;
  return standing_if(now.has_address(interface.index, address));
}

}  // namespace tunneld::daemon
