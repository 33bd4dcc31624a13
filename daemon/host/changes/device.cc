#include "daemon/host/changes/device.h"

namespace tunneld::daemon {

std::string DeviceOpened::in_words() const {
  return "offloads and flags of " + interface.name;
}

Json DeviceOpened::to_json() const {
  Json object = interface.to_json();
  object["tap"] = before.kind == net::DeviceKind::kTap;
  object["multi_queue"] = before.multi_queue;
  object["packet_info"] = before.packet_info;
  object["has_header"] = before.has_header;
  object["header_size"] = before.header_size;
  object["offloads"] = before.offloads;
  object["wanted"] = before.wanted;
  return object;
}

std::optional<DeviceOpened> DeviceOpened::from_json(const Json& json) {
  return DeviceOpened{
      .interface = Interface::from_json(json),
      .before = {.kind = json.at("tap").get<bool>() ? net::DeviceKind::kTap : net::DeviceKind::kTun,
                 .multi_queue = json.at("multi_queue"),
                 .packet_info = json.at("packet_info"),
                 .has_header = json.at("has_header"),
                 .header_size = json.at("header_size"),
                 .offloads = json.at("offloads"),
                 .wanted = json.at("wanted")}};
}

Preparation DeviceOpened::prepare(net::Netlink&) {
  interface.look_up();
  return Preparation::kReady;
}

void DeviceOpened::apply(net::Netlink&) const {}  // net::TunDevice does it

Undone DeviceOpened::undo(net::Netlink&) const {
  if (!interface.is_there()) return Undone::kDeviceGone;
  return net::restore(interface.name, before) ? Undone::kDone : Undone::kNotOurs;
}

Standing DeviceOpened::standing(HostState&) const {
  return Standing::kStands;  // this process is its only user
}

}  // namespace tunneld::daemon
