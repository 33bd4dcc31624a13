// Packets for no peer, and for peers without an endpoint: answered as the kernel's WireGuard does, or kept
// for a limited time.
#include "common/net/icmp_error_writer.h"
#include "tests/simulation/simulated_network.h"
#include "tests/unit/net/packet_builder.h"

namespace tunneld::simulation {
namespace {

using namespace net::testing;  // NOLINT: the builder's vocabulary
using protocol::Drop;

std::uint64_t dropped(const Node& node, Drop reason) {
  std::uint64_t total = 0;
  for (const auto& drops : node.plane.drops) total += drops.get(reason);
  return total;
}
std::uint64_t answered(const Node& node) {
  std::uint64_t total = 0;
  for (const auto& drops : node.plane.drops) total += drops.answered.get();
  return total;
}

Bytes packet_to(const std::string& to, const std::string& from = "") {
  const bool v6 = !address(to).is_v4();
  PacketSpec spec = v6 ? PacketSpec::v6() : PacketSpec();
  spec.udp = true;
  const auto source = address(from.empty() ? (v6 ? "fd00::1" : "10.0.0.1") : from);
  const auto destination = address(to);
  spec.source.assign(source.bytes().begin(), source.bytes().end());
  spec.destination.assign(destination.bytes().begin(), destination.bytes().end());
  spec.payload = Bytes(40, 7);
  return build(spec);
}

/// What the device receives in answer to a packet.
std::vector<Bytes> answers_to(Node& node, Bytes packet, int times = 1) {
  std::vector<Bytes> answers;
  for (; times > 0; --times) {
    node.outbound.begin(node.network.now().boot);
    Bytes copy = packet;
    EXPECT_TRUE(node.outbound.add({}, copy));
    (void)node.outbound.finish();
    for (std::size_t i = 0; i < node.outbound.answers().size(); ++i)
      answers.emplace_back(node.outbound.answers()[i].begin(), node.outbound.answers()[i].end());
  }
  node.turn();
  return answers;
}

void expect_host_unreachable(const std::vector<Bytes>& answers, const Bytes& packet) {
  ASSERT_EQ(answers.size(), 1U);
  const auto asked = net::IpPacket::parse(packet);
  const auto answer = net::IpPacket::parse(answers[0]);
  ASSERT_TRUE(asked && answer);
  EXPECT_EQ(answer->source_address(), asked->destination_address());
  EXPECT_EQ(answer->destination_address(), asked->source_address());
  const bool v4 = asked->family == net::Family::kIpv4;
  const std::size_t at = v4 ? 20 : 40;
  EXPECT_EQ(answers[0][at], v4 ? 3 : 1);
  EXPECT_EQ(answers[0][at + 1], v4 ? 1 : 3);
  EXPECT_TRUE(
      std::equal(packet.begin(), packet.end(), answers[0].begin() + static_cast<std::ptrdiff_t>(at + 8)));
}

TEST(Unreachable, WhatNoPeerHasIsAnswered) {
  Pair pair(1);
  for (const Bytes& packet : {packet_to("10.7.7.7"), packet_to("fd00::77")})
    expect_host_unreachable(answers_to(pair.a, packet), packet);
  EXPECT_EQ(dropped(pair.a, Drop::kNoRoute), 2U);
  EXPECT_EQ(answered(pair.a), 2U);
}

TEST(Unreachable, APeerThatHasToCallFirstIsAnsweredForUntilItHas) {
  Pair pair(2);
  pair.b.tunnel->change(pair.a_at_b)->link().awaits_endpoint.store(false);
  const Bytes packet = packet_to("10.0.0.1", "10.0.0.2");
  expect_host_unreachable(answers_to(pair.b, packet), packet);
  EXPECT_EQ(dropped(pair.b, Drop::kNoEndpoint), 1U);
  pair.a.send(pair.b, 1);
  pair.network.run_for(1s);
  EXPECT_TRUE(pair.a.delivered.empty()) << "what was answered is not sent as well";
  EXPECT_TRUE(answers_to(pair.b, packet).empty());
}

TEST(Unreachable, GroupsErrorsAndNobodyInParticularAreNotAnswered) {
  Pair pair(3);
  for (const char* to : {"224.0.0.251", "255.255.255.255", "ff02::1", "ff0e::101"})
    EXPECT_TRUE(answers_to(pair.a, packet_to(to)).empty()) << to;
  EXPECT_TRUE(answers_to(pair.a, packet_to("10.7.7.7", "0.0.0.0")).empty());
  EXPECT_TRUE(answers_to(pair.a, packet_to("fd00::77", "::")).empty());
  const std::vector<Bytes> error = answers_to(pair.a, packet_to("10.7.7.7"));
  ASSERT_EQ(error.size(), 1U);
  Bytes to_nobody = error[0];  // the answer, sent on to somebody who is not there
  std::swap_ranges(to_nobody.begin() + 12, to_nobody.begin() + 16, to_nobody.begin() + 16);
  EXPECT_TRUE(answers_to(pair.a, to_nobody).empty());
  PacketSpec later;
  later.udp = true;
  later.destination = {10, 7, 7, 7};
  later.fragment_field = 100;
  later.payload = Bytes(40, 7);
  EXPECT_TRUE(answers_to(pair.a, build(later)).empty());
  EXPECT_EQ(answered(pair.a), 1U);
}

TEST(Unreachable, AFloodIsAnsweredAtALimitedRateAndLeavesRoomForWhatIsTooBig) {
  Pair pair(4);
  pair.a.send(pair.b, 1);
  pair.network.run_for(1s);
  const Bytes packet = packet_to("10.7.7.7");
  EXPECT_EQ(answers_to(pair.a, packet, 1000).size(),
            static_cast<std::size_t>(protocol::InnerIcmpErrors::kBurst));

  pair.a.tunnel->change(pair.b_at_a)->link().path_mtu.store(1200);
  PacketSpec large;
  large.udp = true;
  large.fragment_field = 0x4000;
  large.payload = Bytes(1300, 7);
  const std::vector<Bytes> answers = answers_to(pair.a, build(large));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0][21], 4) << "fragmentation needed";
  pair.network.run_for(100ms);
  EXPECT_GT(answers_to(pair.a, packet, 1000).size(), 10U) << "there is a second of it";
}

TEST(Waiting, ForAPeerWithoutAnAddressEndsWhenOthersGiveUpToo) {
  Pair pair(5);
  pair.b.send(pair.a, 1);
  pair.network.run_for(89s);
  EXPECT_EQ(dropped(pair.b, Drop::kUnanswered), 0U);
  pair.b.send(pair.a, 2);
  pair.network.run_for(2s);
  EXPECT_EQ(dropped(pair.b, Drop::kUnanswered), 2U);
  pair.a.send(pair.b, 3);
  pair.network.run_for(1s);
  EXPECT_TRUE(pair.a.delivered.empty()) << "a minute and a half late";
}

TEST(Waiting, IsOverWithTheCallOfThePeer) {
  Pair pair(6);
  pair.b.send(pair.a, 1);
  pair.network.run_for(80s);
  pair.a.send(pair.b, 2);
  pair.network.run_for(1s);
  EXPECT_EQ(pair.a.delivered, std::vector<std::uint64_t>{1});
  pair.network.run_for(30s);
  EXPECT_EQ(dropped(pair.b, Drop::kUnanswered), 0U);
}

}  // namespace
}  // namespace tunneld::simulation
