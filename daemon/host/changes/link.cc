#include "daemon/host/changes/link.h"

#include <linux/if_link.h>

#include "daemon/host/host_state.h"

namespace tunneld::daemon {
namespace {

void forbid_automatic_address(std::uint32_t interface_index, net::Netlink& netlink) {
  try {
    netlink.set_link(interface_index, {.address_generation = IN6_ADDR_GEN_MODE_NONE});
  } catch (const net::NetlinkError& error) {
    // A kernel without IPv6 generates no address.
    if (error.reason() != net::NetlinkError::Reason::kNotSupported) throw;
  }
}

}  // namespace

std::string LinkUp::in_words() const {
  return "link " + interface.name + " up, mtu " + std::to_string(mtu);
}

std::string LinkUp::command() const {
  return "ip link set dev " + interface.name + " mtu " + std::to_string(mtu) + " up";
}

Json LinkUp::to_json() const {
  Json object = interface.to_json();
  object["mtu"] = mtu;
  object["link_local"] = link_local;
  if (before) {
    Json& settings = object["before"] = Json::object();
    put_optional(settings, "mtu", before->mtu);
    put_optional(settings, "up", before->up);
    put_optional(settings, "address_generation", before->address_generation);
  }
  return object;
}

std::optional<LinkUp> LinkUp::from_json(const Json& json) {
  LinkUp link{
      .interface = Interface::from_json(json), .mtu = json.at("mtu"), .link_local = json.at("link_local")};
  if (json.contains("before")) {
    const Json settings = json.at("before").get<Json::Object>();
    link.before = {.mtu = get_optional<std::uint32_t>(settings, "mtu"),
                   .up = get_optional<bool>(settings, "up"),
                   .address_generation = get_optional<std::uint8_t>(settings, "address_generation")};
  }
  return link;
}

Preparation LinkUp::prepare(net::Netlink& netlink) {
  interface.look_up();
  const net::Link present = netlink.link(interface.index);
  before = {.mtu = present.mtu, .up = present.up, .address_generation = present.address_generation};
  const bool no_address =
      link_local || !present.address_generation || present.address_generation == IN6_ADDR_GEN_MODE_NONE;
  return present.up && present.mtu == mtu && no_address ? Preparation::kAlreadyThere : Preparation::kReady;
}

void LinkUp::apply(net::Netlink& netlink) const {
  if (!link_local) forbid_automatic_address(interface.index, netlink);
  netlink.set_link(interface.index, {.mtu = mtu, .up = true});
}

bool LinkUp::takes_place_of(const LinkUp& made) {
  if (interface != made.interface) return false;
  interface = made.interface;
  before = made.before;
  return true;
}

Undone LinkUp::undo(net::Netlink& netlink) const {
  if (!interface.is_there()) return Undone::kDeviceGone;
  if (!before) return Undone::kDone;
  const std::uint32_t index = interface.index;
  const net::Link present = netlink.link(index);
  // The device is set down first. Otherwise, the kernel would generate an IPv6 address as soon as the mode
  // allows it.
  if (present.up && before->up == false) netlink.set_link(index, {.up = false});
  if (present.address_generation == IN6_ADDR_GEN_MODE_NONE && before->address_generation &&
      before->address_generation != present.address_generation) {
    netlink.set_link(index, {.address_generation = before->address_generation});
  }
  if (present.mtu == before->mtu) return Undone::kDone;
  if (present.mtu != mtu) return Undone::kNotOurs;
  netlink.set_link(index, {.mtu = before->mtu});
  return Undone::kDone;
}

Standing LinkUp::standing(HostState& now) const {
  const auto& present = now.link(interface);
  return present ? standing_if(present->up && (mtu == 0 || present->mtu == mtu)) : Standing::kNoDevice;
}

}  // namespace tunneld::daemon
