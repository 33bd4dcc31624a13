#include "daemon/host/changes/bridge_port.h"

#include "common/net/address_class.h"
#include "common/net/interface_name.h"
#include "daemon/host/host_state.h"

namespace tunneld::daemon {
namespace {

void look_up_bridge(Interface& bridge, net::Netlink& netlink) {
  using Reason = net::NetlinkError::Reason;
  bridge.index = net::interface_index(bridge.name).value_or(0);
  if (bridge.index == 0) {
    throw net::NetlinkError(Reason::kNotFound,
                            "there is no bridge " + bridge.name + ": make it (`ip link add " + bridge.name +
                                " type bridge`), or write `bridge: { name: " + bridge.name +
                                ", create: true }`");
  }
  if (netlink.link(bridge.index).kind != "bridge") {
    throw net::NetlinkError(Reason::kOther, bridge.name + " is no bridge: 'bridge' must name one");
  }
}

/// A bridge takes all frames that arrive at its ports, so an address of a port can no longer be reached.
void check_has_no_address(const BridgePort& member, net::Netlink& netlink) {
  for (const net::InterfaceAddress& address : netlink.addresses(member.interface.index)) {
    if (net::is_link_local(address.address.address)) continue;
    throw net::NetlinkError(net::NetlinkError::Reason::kOther,
                            member.interface.name + " has the address " + address.address.to_string() +
                                ", which does not work in a member of " + member.bridge.name +
                                ": remove it (`ip address del " + address.address.to_string() + " dev " +
                                member.interface.name + "`), and add it to the bridge's 'addresses'");
  }
}

}  // namespace

std::string BridgePort::in_words() const {
  return "link " + interface.name + " master " + bridge.name + (is_member ? ", up" : "");
}

std::string BridgePort::command() const {
  return "ip link set dev " + interface.name + " master " + bridge.name;
}

Json BridgePort::to_json() const {
  Json object = interface.to_json();
  object["bridge"] = bridge.name;
  object["bridge_index"] = bridge.index;
  object["member"] = is_member;
  put_optional(object, "before_up", before);
  return object;
}

std::optional<BridgePort> BridgePort::from_json(const Json& json) {
  return BridgePort{.interface = Interface::from_json(json),
                    .bridge = {.name = json.at("bridge"), .index = json.at("bridge_index")},
                    .is_member = json.at("member"),
                    .before = get_optional<bool>(json, "before_up")};
}

Preparation BridgePort::prepare(net::Netlink& netlink) {
  interface.look_up();
  look_up_bridge(bridge, netlink);
  const net::Link present = netlink.link(interface.index);
  before = present.up;
  if (present.master == bridge.index) return Preparation::kAlreadyThere;
  if (present.master != 0) {
    throw net::NetlinkError(net::NetlinkError::Reason::kExists,
                            interface.name + " belongs to " + netlink.link(present.master).name +
                                ": remove it from there first (`ip link set dev " + interface.name +
                                " nomaster`)");
  }
  if (is_member) check_has_no_address(*this, netlink);
  return Preparation::kReady;
}

void BridgePort::apply(net::Netlink& netlink) const {
  net::LinkSettings settings{.master = bridge.index};
  if (is_member) settings.up = true;
  try {
    netlink.set_link(interface.index, settings);
  } catch (const net::NetlinkError& error) {
    throw net::NetlinkError(error.reason(),
                            interface.name + " cannot be a port of " + bridge.name + ": " + error.what());
  }
}

Undone BridgePort::undo(net::Netlink& netlink) const {
  if (!interface.is_there()) return Undone::kDeviceGone;
  const net::Link present = netlink.link(interface.index);
  const bool is_port = present.master == bridge.index;
  // If the interface is in no bridge any more, it is still set down where we set it up. If it is in another
  // bridge, it is not ours any more.
  if (!is_port && present.master != 0) return Undone::kNotOurs;
  net::LinkSettings settings;
  if (is_port) settings.master = 0;
  if (is_member && before == false && present.up) settings.up = false;
  if (settings.master || settings.up) netlink.set_link(interface.index, settings);
  return is_port ? Undone::kDone : Undone::kNotOurs;
}

Standing BridgePort::standing(HostState& now) const {
  const auto& present = now.link(interface);
  if (!present || !now.link(bridge)) return Standing::kNoDevice;
  if (present->master != 0 && present->master != bridge.index) return Standing::kTaken;
  return standing_if(present->master == bridge.index && (present->up || !is_member));
}

}  // namespace tunneld::daemon
