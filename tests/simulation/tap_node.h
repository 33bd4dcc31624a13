// Nodes of the simulation with a tap: a switch, and a device that collects frames.
#pragma once

#include <string>
#include <vector>

#include "common/protocol/ethernet_switch.h"
#include "tests/simulation/simulated_network.h"

namespace tunneld::simulation {

using protocol::Drop;
using protocol::Event;
using protocol::Layer2;

inline constexpr protocol::TunnelOptions kTap{
    .extension = true, .fast_cipher = true, .capabilities = {.config = false, .tap = true}};

inline net::MacAddress mac(std::uint8_t last) {
  return net::MacAddress(std::array<std::uint8_t, 6>{2, 0, 0, 0, 0, last});
}
inline const net::MacAddress kBroadcast = *net::MacAddress::parse("ff:ff:ff:ff:ff:ff");

/// A frame of an unassigned protocol, whose payload begins with `id`.
inline std::vector<std::uint8_t> frame(const net::MacAddress& from, const net::MacAddress& to,
                                       std::uint64_t id, std::size_t payload = 46) {
  std::vector<std::uint8_t> bytes(14 + payload);
  std::memcpy(bytes.data(), to.bytes().data(), 6);
  std::memcpy(&bytes[6], from.bytes().data(), 6);
  store_be16(&bytes[12], 0x88b5);  // IEEE's for experiments
  store_le(&bytes[14], id);
  return bytes;
}

/// A node with a switch, whose device collects frames.
struct TapNode {
  TapNode(Network& network, const std::string& outside, const protocol::SwitchSettings& settings = {},
          const protocol::TunnelOptions& options = kTap)
      : node(network, outside, "10.0.0." + outside.substr(outside.find(':') - 1, 1), options),
        onward(node.plane, node.plane.threads.inbound(0)) {
    node.plane.ethernet = std::make_unique<protocol::EthernetSwitch>(settings, 1);
    node.on_packet = [this](std::span<const iovec> parts) {
      std::vector<std::uint8_t> bytes;
      for (const iovec& part : parts) {
        const auto* at = static_cast<const std::uint8_t*>(part.iov_base);
        bytes.insert(bytes.end(), at, at + part.iov_len);
      }
      received.push_back(std::move(bytes));
    };
    node.on_forward = [this](const protocol::ForwardedFrame& forwarded) {
      onward.begin(node.network.now().boot);
      EXPECT_TRUE(onward.forward(forwarded));
      transmit(onward);
    };
  }
  void send(std::vector<std::uint8_t> bytes) {
    node.outbound.begin(node.network.now().boot);
    while (!node.outbound.add({}, bytes)) {
      transmit(node.outbound);
      node.outbound.begin(node.network.now().boot);
    }
    transmit(node.outbound);
    node.turn();
  }
  void transmit(protocol::Outbound& path) {
    for (const protocol::SealedRun& run : path.finish()) {
      oversize += run.oversize;
      for (std::size_t at = 0; at < run.bytes.size(); at += run.segment_size) {
        node.network.transmit(node, *run.endpoint,
                              run.bytes.subspan(at, std::min(run.segment_size, run.bytes.size() - at)));
      }
    }
  }
  [[nodiscard]] std::vector<std::uint64_t> ids() const {
    std::vector<std::uint64_t> all;
    for (const auto& bytes : received) all.push_back(load_le<std::uint64_t>(&bytes[14]));
    return all;
  }
  [[nodiscard]] std::uint64_t dropped(Drop reason) const { return total(node, reason); }
  static std::uint64_t total(const Node& node, Drop reason) {
    std::uint64_t sum = 0;
    for (const auto& drops : node.plane.drops) sum += drops.get(reason);
    return sum;
  }

  Node node;
  protocol::Outbound onward;
  std::vector<std::vector<std::uint8_t>> received;
  std::size_t oversize = 0;
};

using Ids = std::vector<std::uint64_t>;

struct TapPair {
  explicit TapPair(std::uint64_t seed)
      : network(seed), a(network, "192.0.2.1:1111"), b(network, "192.0.2.2:2222") {
    b_at_a = a.node.add_peer(b.node, true);
    a_at_b = b.node.add_peer(a.node, false);
  }
  Network network;
  TapNode a, b;
  protocol::PeerId b_at_a{}, a_at_b{};
};

}  // namespace tunneld::simulation
