#include "daemon/host/changes/link_address.h"

#include "daemon/host/host_state.h"

namespace tunneld::daemon {

std::string LinkAddress::in_words() const {
  return "link " + interface.name + " address " + address.to_string();
}

std::string LinkAddress::command() const {
  return "ip link set dev " + interface.name + " address " + address.to_string();
}

Json LinkAddress::to_json() const {
  Json object = interface.to_json();
  object["address"] = address.to_string();
  if (before) object["before"] = before->to_string();
  return object;
}

std::optional<LinkAddress> LinkAddress::from_json(const Json& json) {
  const auto address = net::MacAddress::parse(json.at("address").get<std::string>());
  if (!address) return std::nullopt;
  LinkAddress link{.interface = Interface::from_json(json), .address = *address};
  if (json.contains("before")) link.before = net::MacAddress::parse(json["before"].get<std::string>());
  return link;
}

Preparation LinkAddress::prepare(net::Netlink& netlink) {
  interface.look_up();
  before = netlink.link(interface.index).address;
  return before == address ? Preparation::kAlreadyThere : Preparation::kReady;
}

void LinkAddress::apply(net::Netlink& netlink) const {
  netlink.set_link(interface.index, {.address = address});
}

bool LinkAddress::takes_place_of(const LinkAddress& made) {
  if (interface != made.interface) return false;
  interface = made.interface;
  before = made.before;
  return true;
}

Undone LinkAddress::undo(net::Netlink& netlink) const {
  if (!interface.is_there()) return Undone::kDeviceGone;
  const auto present = netlink.link(interface.index).address;
  if (!before || present == before) return Undone::kDone;
  if (present != address) return Undone::kNotOurs;
  netlink.set_link(interface.index, {.address = before});
  return Undone::kDone;
}

Standing LinkAddress::standing(HostState& now) const {
  const auto& present = now.link(interface);
  return present ? standing_if(present->address == address) : Standing::kNoDevice;
}

}  // namespace tunneld::daemon
