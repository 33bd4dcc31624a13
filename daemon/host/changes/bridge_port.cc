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
    throw net::NetlinkError(Reason::kOther, bridge.name + " is no bridge: name one in 'bridge'");
  }
}

/// Frames that come in by a port belong to the bridge, so its addresses would be cut off.
void check_has_no_address(const BridgePort& member, net::Netlink& netlink) {
  for (const net::InterfaceAddress& address : netlink.addresses(member.interface.index)) {
    if (net::is_link_local(address.address.address)) continue;
    throw net::NetlinkError(net::NetlinkError::Reason::kOther,
                            member.interface.name + " has the address " + address.address.to_string() +
                                ", which would be cut off as a member of " + member.bridge.name +
                                ": take it away (`ip address del " + address.address.to_string() + " dev " +
                                member.interface.name + "`), and give it to the bridge in 'addresses'");
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
                                ": take it out there first (`ip link set dev " + interface.name +
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
  // Somebody may have removed the bridge alone; a port of another is theirs altogether.
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
