#include "daemon/host/changes/bridge.h"

#include <random>

#include "common/log.h"
#include "common/net/interface_name.h"
#include "daemon/host/host_state.h"

namespace tunneld::daemon {
namespace {

/// Far above the numbers in use, because the kernel numbers new devices one after the other, from 1 on.
/// Otherwise, a device that is created after a kill could get the index that the journal names.
std::uint32_t unused_index() {
  std::random_device random;
  std::uniform_int_distribution<std::uint32_t> indices(1U << 24, (1U << 30) - 1);
  for (;;) {
    const std::uint32_t index = indices(random);
    if (!net::is_interface(index)) return index;
  }
}

}  // namespace

std::string BridgeMade::in_words() const {
  return "bridge " + interface.name + " up, stp " + (spanning_tree ? "on" : "off");
}

Json BridgeMade::to_json() const {
  Json object = interface.to_json();
  object["stp"] = spanning_tree;
  return object;
}

std::optional<BridgeMade> BridgeMade::from_json(const Json& json) {
  return BridgeMade{.interface = Interface::from_json(json), .spanning_tree = json.at("stp")};
}

Preparation BridgeMade::prepare(net::Netlink&) {
  if (net::interface_index(interface.name)) {
    throw net::NetlinkError(
        net::NetlinkError::Reason::kExists,
        interface.name +
            " exists already: remove 'create: true' to join it as it is, or choose another "
            "name for the bridge");
  }
  interface.index = unused_index();
  return Preparation::kReady;
}

void BridgeMade::apply(net::Netlink& netlink) const {
  netlink.add_bridge(interface.name, spanning_tree, interface.index);
  netlink.set_link(interface.index, {.up = true});
}

Undone BridgeMade::undo(net::Netlink& netlink) const {
  if (!interface.is_there()) return Undone::kDeviceGone;
  for (const net::Link& port : netlink.links_of(interface.index)) {
    log::warn("removing {}, although {} is still a port of it", interface.name, port.name);
  }
  netlink.remove_link(interface.index);
  return Undone::kDone;
}

Standing BridgeMade::standing(HostState& now) const {
  const auto& present = now.link(interface);
  return present ? standing_if(present->up) : Standing::kNoDevice;
}

}  // namespace tunneld::daemon
