#include "common/protocol/ethernet_switch.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace tunneld::protocol {
namespace {

using ToPeers = ForwardingDecision::ToPeers;

net::MacTable::Seconds seconds(Instant now) {
  return static_cast<net::MacTable::Seconds>(
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
}

}  // namespace

EthernetSwitch::EthernetSwitch(const SwitchSettings& settings, std::uint64_t seed)
    : table_(settings.stations, seed), most_at_device_(settings.stations) {
  change(settings);
}

void EthernetSwitch::change(const SwitchSettings& settings) {
  const auto ageing = std::chrono::duration_cast<std::chrono::seconds>(settings.ageing).count();
  table_.set_ageing(static_cast<net::MacTable::Seconds>(std::max<std::int64_t>(ageing, 1)));
  most_per_peer_.store(settings.stations_per_peer, std::memory_order_relaxed);
  client_to_client_.store(settings.client_to_client, std::memory_order_relaxed);
  floods_per_second_.store(settings.floods_per_second, std::memory_order_relaxed);
}

void EthernetSwitch::set_host_addresses(const std::vector<net::MacAddress>& addresses,
                                        Quiescence& quiescence) {
  auto sorted = std::make_unique<std::vector<net::MacAddress>>(addresses);
  std::ranges::sort(*sorted);
  host_addresses_.replace(std::move(sorted), quiescence);
}

ForwardingDecision EthernetSwitch::from_device(const net::EthernetFrame& frame, const RoutingTable& routing,
                                               Instant now) {
  const net::MacTable::Seconds time = seconds(now);
  if (frame.source.is_station() && !routing.mac_owners.find(frame.source)) {
    learn(frame, kDevice, device_, most_at_device_, routing, time);
  }
  const auto flooded = [&]() -> ForwardingDecision {
    if (!may_flood(device_floods_, now)) return {.reason = Drop::kFloodLimit};
    return {.to_peers = ToPeers::kAll};
  };
  if (frame.destination.is_group()) return flooded();
  // A peer may have had the address before it became ours.
  if (is_own(frame.destination)) return {};
  if (const auto owner = routing.mac_owners.find(frame.destination)) {
    return {.to_peers = ToPeers::kOne, .peer = *owner};
  }
  const auto port = table_.find({frame.destination, frame.vlan}, time);
  if (!port) {
    // With one peer there is one copy, which does not count as a flood.
    return peers_.load(std::memory_order_relaxed) > 1 ? flooded()
                                                      : ForwardingDecision{.to_peers = ToPeers::kAll};
  }
  if (*port == kDevice) return {};
  return {.to_peers = ToPeers::kOne, .peer = *port};
}

ForwardingDecision EthernetSwitch::from_peer(const net::EthernetFrame& frame, PeerLink& peer,
                                             const RoutingTable& routing, Instant now) {
  if (!frame.source.is_station()) return {.reason = Drop::kInnerMalformed};
  // This includes our own address: a peer that could take it would get what others send to this host.
  if (is_own(frame.source) || !routing.mac_owners.allows(peer.id, frame.source))
    return {.reason = Drop::kSourceNotAllowed};
  const net::MacTable::Seconds time = seconds(now);
  if (!routing.mac_owners.find(frame.source)) {
    learn(frame, peer.id, peer.stations, most_per_peer_.load(std::memory_order_relaxed), routing, time);
  }

  const bool among_peers = client_to_client();
  if (is_own(frame.destination)) return {.to_device = true};
  if (frame.destination.is_group()) {
    if (!may_flood(peer.floods, now)) return {.reason = Drop::kFloodLimit};
    return {.to_device = true, .to_peers = among_peers ? ToPeers::kAll : ToPeers::kNone};
  }
  auto port = routing.mac_owners.find(frame.destination);
  if (!port) port = table_.find({frame.destination, frame.vlan}, time);
  if (!port) {
    const bool copied = among_peers && may_flood(peer.floods, now);
    return {.to_device = true, .to_peers = copied ? ToPeers::kAll : ToPeers::kNone};
  }
  if (*port == kDevice) return {.to_device = true};
  if (*port == peer.id || !among_peers) return {};
  return {.to_peers = ToPeers::kOne, .peer = *port};
}

void EthernetSwitch::learn(const net::EthernetFrame& frame, net::MacTable::Port port,
                           net::MacTable::PortUse& use, std::uint32_t most, const RoutingTable& routing,
                           net::MacTable::Seconds now) {
  std::optional<net::MacTable::Port> left;
  table_.learn({frame.source, frame.vlan}, port, use, most, now, &left);
  if (!left) return;
  moves_.count({frame.source, frame.vlan}, *left, port);
  if (*left == kDevice) return device_.leave();
  if (*left >= routing.links.size()) return;
  if (PeerLink* before = routing.links[*left]; before != nullptr) before->stations.leave();
}

std::vector<Loop> EthernetSwitch::sweep(const RoutingTable& routing, Instant now) {
  std::map<net::MacTable::Port, net::MacTable::PortUse*> ports{{kDevice, &device_}};
  for (PeerLink* link : routing.links) {
    if (link != nullptr) ports.emplace(link->id, &link->stations);
  }
  table_.sweep(seconds(now), ports);
  return loops_.sample(moves_.take(), now);
}

}  // namespace tunneld::protocol
