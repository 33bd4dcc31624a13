#include "common/net/mac_table.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>

#include <gtest/gtest.h>

namespace tunneld::net {
namespace {

using Port = MacTable::Port;
using Seconds = MacTable::Seconds;
using Learned = MacTable::Learned;

constexpr std::uint64_t kSeed = 0x5eed5eed5eed5eed;

Station station(std::uint32_t number, std::uint16_t vlan = 0) {
  std::array<std::uint8_t, 6> bytes{2, 0};
  store_be32(&bytes[2], number);
  return {MacAddress(bytes), vlan};
}

/// What a switch's memory is, without bounds and threads.
class Model {
 public:
  explicit Model(Seconds ageing) : ageing_(ageing) {}
  Learned learn(const Station& at, Port port, Seconds now) {
    const auto known = find(at, now);
    const bool was_here = entries_.contains(key(at));
    const Port before = was_here ? entries_[key(at)].first : 0;
    entries_[key(at)] = {port, now};
    if (!known && !was_here) return Learned::kNew;
    return before == port ? Learned::kKnown : Learned::kMoved;
  }
  std::optional<Port> find(const Station& at, Seconds now) const {
    const auto found = entries_.find(key(at));
    if (found == entries_.end() || now - found->second.second > ageing_) return std::nullopt;
    return found->second.first;
  }
  void sweep(Seconds now) {
    std::erase_if(entries_, [&](const auto& entry) { return now - entry.second.second > ageing_; });
  }
  void forget(Port port) {
    std::erase_if(entries_, [&](const auto& entry) { return entry.second.first == port; });
  }
  [[nodiscard]] std::uint32_t count(Port port) const {
    return static_cast<std::uint32_t>(
        std::ranges::count_if(entries_, [&](const auto& entry) { return entry.second.first == port; }));
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  static std::pair<MacAddress, std::uint16_t> key(const Station& at) { return {at.address, at.vlan}; }
  Seconds ageing_;
  std::map<std::pair<MacAddress, std::uint16_t>, std::pair<Port, Seconds>> entries_;
};

TEST(MacTable, IsAModelSwitchOverRandomFrames) {
  constexpr Port kPorts = 8;
  MacTable table(16384, kSeed);
  table.set_ageing(300);
  table.set_ports(kPorts);
  Model model(300);
  std::array<MacTable::PortUse, kPorts> uses;
  std::map<Port, MacTable::PortUse*> ports;
  for (Port port = 0; port < kPorts; ++port) ports[port] = &uses[port];

  std::mt19937_64 random(1);
  Seconds now = 1000;
  std::size_t moved = 0, aged = 0;
  for (int frame = 0; frame < 200'000; ++frame) {
    const Station from = station(static_cast<std::uint32_t>(random() % 3000), random() % 3 == 0 ? 7 : 0);
    const Port port =
        static_cast<Port>(random() % 20 == 0 ? random() % kPorts : from.address.bytes()[5] % kPorts);
    const Learned learned = table.learn(from, port, uses[port], 16384, now);
    ASSERT_EQ(learned, model.learn(from, port, now)) << "frame " << frame;
    if (learned == Learned::kMoved) ++moved;
    const Station to = station(static_cast<std::uint32_t>(random() % 4000), random() % 3 == 0 ? 7 : 0);
    ASSERT_EQ(table.find(to, now), model.find(to, now)) << "frame " << frame;
    if (random() % 50 == 0) now += static_cast<Seconds>(random() % 7);
    if (random() % 4000 == 0) {
      const std::size_t before = model.size();
      table.sweep(now, ports);
      model.sweep(now);
      aged += before - model.size();
      ASSERT_EQ(table.stations(), model.size());
      for (Port each = 0; each < kPorts; ++each) ASSERT_EQ(uses[each].stations.load(), model.count(each));
    }
    if (random() % 40'000 == 0) {
      table.forget(3);
      model.forget(3);
    }
  }
  EXPECT_GT(moved, 1000U);
  EXPECT_GT(aged, 100U);
}

TEST(MacTable, AFloodOfAddressesTakesOnlyItsPortsBudget) {
  MacTable table(4096, kSeed);
  table.set_ports(3);
  const std::size_t memory = table.memory();
  MacTable::PortUse flooder, honest;
  for (std::uint32_t n = 0; n < 100; ++n) {
    ASSERT_EQ(table.learn(station(n), 1, honest, 512, 10), Learned::kNew);
  }
  std::size_t refused = 0;
  for (std::uint32_t n = 1'000'000; n < 1'100'000; ++n) {
    if (table.learn(station(n), 2, flooder, 512, 11) == Learned::kRefused) ++refused;
  }
  EXPECT_EQ(flooder.stations.load(), 512U);
  EXPECT_EQ(refused, 100'000U - 512U);
  EXPECT_EQ(table.memory(), memory);
  for (std::uint32_t n = 0; n < 100; ++n) EXPECT_EQ(table.find(station(n), 12), 1U) << n;
  EXPECT_EQ(table.learn(station(200), 1, honest, 512, 12), Learned::kNew);
}

TEST(MacTable, ManyFloodersLeaveEachPortItsShare) {
  constexpr Port kFlooders = 50;
  MacTable table(4096, kSeed);
  table.set_ports(kFlooders + 1);
  std::vector<MacTable::PortUse> flooders(kFlooders);
  for (std::uint32_t n = 0; n < 100'000; ++n) {
    const Port port = n % kFlooders;
    table.learn(station(n), port, flooders[port], 1024, 10);
  }
  EXPECT_GE(table.stations(), 2048U);
  EXPECT_LE(table.stations(), 4096U);
  MacTable::PortUse late;
  std::uint32_t learned = 0;
  while (table.learn(station(1'000'000 + learned), kFlooders, late, 1024, 11) == Learned::kNew) ++learned;
  EXPECT_GE(learned, 4096U / 2 / (kFlooders + 1));
}

TEST(MacTable, AMoveNeedsABudgetToo) {
  MacTable table(4096, kSeed);
  MacTable::PortUse thief, owner;
  for (std::uint32_t n = 0; n < 10; ++n) table.learn(station(n), 1, owner, 100, 10);
  for (std::uint32_t n = 0; n < 10; ++n) table.learn(station(n), 2, thief, 3, 11);
  EXPECT_EQ(thief.stations.load(), 3U);
  EXPECT_EQ(table.find(station(2), 11), 2U);
  EXPECT_EQ(table.find(station(3), 11), std::nullopt) << "it is not where it was, wherever it is";
  EXPECT_EQ(table.stations(), 3U);
  table.sweep(11, {{1, &owner}, {2, &thief}});
  EXPECT_EQ(owner.stations.load(), 0U);
  EXPECT_EQ(table.learn(station(3), 1, owner, 100, 12), Learned::kNew);
}

TEST(MacTable, AMoveTellsWhereTheStationWas) {
  MacTable table(4096, kSeed);
  std::array<MacTable::PortUse, 2> uses;
  std::optional<Port> left;
  table.learn(station(1), 0, uses[0], 3, 10, &left);
  EXPECT_EQ(left, std::nullopt);
  for (unsigned n = 1; n < 5000; ++n) {
    const Port to = n % 2;
    left.reset();
    ASSERT_EQ(table.learn(station(1), to, uses[to], 3, 10, &left), Learned::kMoved) << n;
    ASSERT_EQ(left, 1 - to);
    uses[*left].leave();
  }
  EXPECT_EQ(uses[0].stations.load() + uses[1].stations.load(), 1U);
  EXPECT_EQ(uses[0].moves.load() + uses[1].moves.load(), 4999U);
  uses[0].leave(5);
  EXPECT_EQ(uses[0].stations.load(), 0U) << "never below nothing";
}

TEST(MacTable, ThreadsNeverReadAPortThatAStationNeverHad) {
  // A station's port can be told from its number, so a torn read or a slot that changes hands under a reader
  // shows. The table is too small for all, so that slots do change hands.
  MacTable table(64, kSeed);
  table.set_ageing(1);
  std::array<MacTable::PortUse, 4> uses;
  std::atomic<Seconds> clock{1};
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> found{0}, wrong{0};
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 3; ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937 random(seed);
      while (!stop.load(std::memory_order_relaxed)) {
        const auto number = static_cast<std::uint32_t>(random() % 400);
        const Seconds now = clock.load(std::memory_order_relaxed);
        // Two ports each: moves happen, too.
        const Port port = number % 2 * 2 + random() % 2;
        table.learn(station(number), port, uses[port], 64, now);
        const auto asked = static_cast<std::uint32_t>(random() % 400);
        if (const auto at = table.find(station(asked), now)) {
          found.fetch_add(1, std::memory_order_relaxed);
          if (*at / 2 != asked % 2) wrong.fetch_add(1, std::memory_order_relaxed);
        }
      }
    });
  }
  const std::map<Port, MacTable::PortUse*> ports{{0, &uses[0]}, {1, &uses[1]}, {2, &uses[2]}, {3, &uses[3]}};
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t before = found.load();
    clock.fetch_add(1);
    table.sweep(clock.load(), ports);
    if (i % 50 == 0) table.forget(1);
    while (found.load() < before + 10) std::this_thread::yield();
  }
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(found.load(), 1000U);
  EXPECT_EQ(wrong.load(), 0U);
  // Nothing has leaked: when all have aged, all is free.
  clock.fetch_add(10);
  table.sweep(clock.load(), ports);
  EXPECT_EQ(table.stations(), 0U);
  for (const auto& use : uses) EXPECT_EQ(use.stations.load(), 0U);
  EXPECT_EQ(table.learn(station(1), 2, uses[2], 64, clock.load()), Learned::kNew);
}

}  // namespace
}  // namespace tunneld::net
