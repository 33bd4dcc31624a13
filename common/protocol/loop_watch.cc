#include "common/protocol/loop_watch.h"

#include <algorithm>
#include <utility>

namespace tunneld::protocol {
namespace {

/// Ports are stored plus 1, so that no key is 0.
std::uint64_t key_of(net::MacTable::Port one, net::MacTable::Port other) {
  return (std::uint64_t{one} + 1) << 32 | other;
}

std::uint64_t number_of(const net::Station& station) {
  return std::uint64_t{station.vlan} << 48 | station.address.number();
}

net::Station station_of(std::uint64_t number) {
  std::array<std::uint8_t, net::MacAddress::kSize> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(number >> (8 * (bytes.size() - 1 - i)));
  return {.address = net::MacAddress(bytes), .vlan = static_cast<std::uint16_t>(number >> 48)};
}

}  // namespace

void MoveCounter::count(const net::Station& station, net::MacTable::Port from, net::MacTable::Port to) {
  const auto [one, other] = std::minmax(from, to);
  const std::uint64_t key = key_of(one, other);
  const std::size_t first = static_cast<std::size_t>(key * 0x9e3779b97f4a7c15ULL >> 32) % kPairs;
  for (std::size_t i = 0; i < kPairs; ++i) {
    Slot& slot = slots_[(first + i) % kPairs];
    std::uint64_t present = slot.ports.load(std::memory_order_relaxed);
    if (present == 0 && slot.ports.compare_exchange_strong(present, key)) present = key;
    if (present != key) continue;
    slot.station.store(number_of(station), std::memory_order_relaxed);
    (from == one ? slot.there : slot.back).fetch_add(1, std::memory_order_relaxed);
    return;
  }
}

std::vector<MoveCounter::Moves> MoveCounter::take() {
  std::vector<Moves> all;
  for (Slot& slot : slots_) {
    const std::uint64_t key = slot.ports.load(std::memory_order_relaxed);
    if (key == 0) continue;
    const std::uint32_t there = slot.there.exchange(0, std::memory_order_relaxed);
    const std::uint32_t back = slot.back.exchange(0, std::memory_order_relaxed);
    if (there == 0 && back == 0) {
      slot.ports.store(0, std::memory_order_relaxed);
      continue;
    }
    all.push_back({.one = static_cast<net::MacTable::Port>((key >> 32) - 1),
                   .other = static_cast<net::MacTable::Port>(key),
                   .there = there,
                   .back = back,
                   .station = station_of(slot.station.load(std::memory_order_relaxed))});
  }
  return all;
}

std::vector<Loop> LoopWatch::sample(const std::vector<MoveCounter::Moves>& moves, Instant now) {
  const Duration elapsed = sampled_ ? now - *sampled_ : Duration::zero();
  const auto least =
      std::max<std::int64_t>(kReturns, std::chrono::duration_cast<std::chrono::seconds>(elapsed).count());
  std::vector<Loop> begun;
  for (const MoveCounter::Moves& moved : moves) {
    if (std::min(moved.there, moved.back) < least) continue;
    const auto [place, is_new] = pairs_.try_emplace({moved.one, moved.other});
    Pair& pair = place->second;
    const bool in_a_row = !is_new && sampled_ && pair.seen == *sampled_;
    pair.seen = now;
    if (!pair.is_loop) pair.loop.since = in_a_row ? pair.loop.since : now;
    pair.loop = {.one = moved.one, .other = moved.other, .station = moved.station, .since = pair.loop.since};
    if (in_a_row && !std::exchange(pair.is_loop, true)) begun.push_back(pair.loop);
  }
  std::erase_if(pairs_, [now](const auto& entry) { return now - entry.second.seen >= kOver; });
  sampled_ = now;
  return begun;
}

void LoopWatch::forget(net::MacTable::Port port) {
  std::erase_if(
      pairs_, [port](const auto& entry) { return entry.first.first == port || entry.first.second == port; });
}

std::vector<Loop> LoopWatch::loops() const {
  std::vector<Loop> all;
  for (const auto& [ports, pair] : pairs_) {
    if (pair.is_loop) all.push_back(pair.loop);
  }
  return all;
}

}  // namespace tunneld::protocol
