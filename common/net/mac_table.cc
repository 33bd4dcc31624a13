#include "common/net/mac_table.h"

#include <algorithm>
#include <bit>

namespace tunneld::net {
namespace {

constexpr std::uint64_t kClaimed = std::uint64_t{1} << 63;
constexpr std::uint64_t kUsedKey = std::uint64_t{1} << 63;  // tells all keys from that of a free slot

std::uint64_t key_of(const Station& station) {
  return kUsedKey | std::uint64_t{station.vlan} << 48 | station.address.number();
}

/// The port is stored plus 1, so that no value is 0.
std::uint64_t value_of(MacTable::Port port, MacTable::Seconds now) {
  return (std::uint64_t{port} + 1) << 32 | now;
}
MacTable::Port port_in(std::uint64_t value) {
  return static_cast<MacTable::Port>((value >> 32) - 1);
}
MacTable::Seconds time_in(std::uint64_t value) {
  return static_cast<MacTable::Seconds>(value);
}
bool is_owned(std::uint64_t value) {
  return value != 0 && (value & kClaimed) == 0;
}

}  // namespace

void MacTable::PortUse::leave(std::uint32_t count) {
  std::uint32_t present = stations.load(std::memory_order_relaxed);
  while (!stations.compare_exchange_weak(present, present - std::min(present, count))) {
  }
}

MacTable::MacTable(std::uint32_t stations, std::uint64_t seed)
    : most_stations_(std::max(stations, std::uint32_t{16})),
      seed_(seed),
      buckets_(std::bit_ceil(std::size_t{most_stations_} * 2) / 4),
      share_(most_stations_ / 2) {}

void MacTable::set_ports(std::uint32_t ports) {
  share_.store(most_stations_ / 2 / std::max(ports, std::uint32_t{1}), std::memory_order_relaxed);
}

std::array<std::size_t, 2> MacTable::buckets_of(std::uint64_t key) const {
  // The finalizer of MurmurHash3, twice, over the secret: each input bit affects each bit of the result.
  const auto mix = [](std::uint64_t x) {
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return x ^ (x >> 33);
  };
  const std::uint64_t hash = mix(mix(key ^ seed_) + std::rotl(seed_, 32));
  const std::size_t mask = buckets_.size() - 1;
  return {static_cast<std::size_t>(hash) & mask, static_cast<std::size_t>(hash >> 32) & mask};
}

bool MacTable::is_live(std::uint64_t value, Seconds now) const {
  if (!is_owned(value)) return false;
  // Signed: another thread's clock may be a moment ahead.
  const auto age = static_cast<std::int32_t>(now - time_in(value));
  return age <= static_cast<std::int32_t>(ageing_.load(std::memory_order_relaxed));
}

std::optional<MacTable::Port> MacTable::find(const Station& station, Seconds now) const {
  const std::uint64_t key = key_of(station);
  for (const std::size_t bucket : buckets_of(key)) {
    for (const Slot& slot : buckets_[bucket].slots) {
      if (slot.key.load(std::memory_order_acquire) != key) continue;
      const std::uint64_t value = slot.value.load(std::memory_order_acquire);
      if (slot.key.load(std::memory_order_acquire) != key || !is_live(value, now)) continue;
      return port_in(value);
    }
  }
  return std::nullopt;
}

bool MacTable::has_budget(const PortUse& use, std::uint32_t most) const {
  const std::uint32_t mine = use.stations.load(std::memory_order_relaxed);
  if (mine < std::min(share_.load(std::memory_order_relaxed), most)) return true;
  return mine < most && stations() < most_stations_ / 2;
}

MacTable::Learned MacTable::learn(const Station& station, Port port, PortUse& use, std::uint32_t most,
                                  Seconds now, std::optional<Port>* left) {
  const std::uint64_t key = key_of(station);
  const std::uint64_t wanted = value_of(port, now);
  for (const std::size_t bucket : buckets_of(key)) {
    for (Slot& slot : buckets_[bucket].slots) {
      if (slot.key.load(std::memory_order_acquire) != key) continue;
      std::uint64_t value = slot.value.load(std::memory_order_acquire);
      if (slot.key.load(std::memory_order_acquire) != key || !is_owned(value)) continue;
      if (port_in(value) == port) {
        // Most frames stop here: nothing is written more than once a second.
        if (time_in(value) != now) slot.value.compare_exchange_strong(value, wanted);
        return Learned::kKnown;
      }
      const Port before = port_in(value);
      const bool stays_known = has_budget(use, most);
      if (stays_known ? slot.value.compare_exchange_strong(value, wanted) : free_slot(slot, value)) {
        use.moves.fetch_add(1, std::memory_order_relaxed);
        if (left != nullptr) *left = before;
        if (stays_known) {
          use.stations.fetch_add(1, std::memory_order_release);
        } else {
          stations_.fetch_sub(1, std::memory_order_relaxed);
        }
      }
      return stays_known ? Learned::kMoved : Learned::kRefused;
    }
  }
  if (!has_budget(use, most) || !insert(key, wanted)) return Learned::kRefused;
  use.stations.fetch_add(1, std::memory_order_release);
  stations_.fetch_add(1, std::memory_order_relaxed);
  return Learned::kNew;
}

bool MacTable::insert(std::uint64_t key, std::uint64_t value) {
  const auto used = [](const Bucket& bucket) {
    return std::ranges::count_if(bucket.slots, [](const Slot& slot) { return slot.value.load() != 0; });
  };
  std::array<std::size_t, 2> candidates = buckets_of(key);
  if (used(buckets_[candidates[1]]) < used(buckets_[candidates[0]])) std::swap(candidates[0], candidates[1]);
  for (const std::size_t bucket : candidates) {
    for (Slot& slot : buckets_[bucket].slots) {
      std::uint64_t free = 0;
      if (!slot.value.compare_exchange_strong(free, kClaimed)) continue;
      slot.key.store(key, std::memory_order_release);
      slot.value.store(value, std::memory_order_release);
      return true;
    }
  }
  return false;
}

bool MacTable::free_slot(Slot& slot, std::uint64_t value) {
  if (!slot.value.compare_exchange_strong(value, kClaimed)) return false;  // heard again meanwhile
  slot.key.store(0, std::memory_order_release);
  slot.value.store(0, std::memory_order_release);
  return true;
}

void MacTable::sweep(Seconds now, const std::map<Port, PortUse*>& ports) {
  // If workers learn or move stations meanwhile, the count may be wrong until the next sweep.
  struct Count {
    std::uint32_t before = 0;
    std::uint32_t found = 0;
  };
  std::map<Port, Count> counts;
  for (const auto& [port, use] : ports) counts[port].before = use->stations.load(std::memory_order_acquire);
  std::uint32_t freed = 0;
  for (Bucket& bucket : buckets_) {
    for (Slot& slot : bucket.slots) {
      const std::uint64_t value = slot.value.load(std::memory_order_acquire);
      if (!is_owned(value)) continue;
      if (!is_live(value, now) && free_slot(slot, value)) {
        ++freed;
      } else {
        ++counts[port_in(value)].found;
      }
    }
  }
  stations_.fetch_sub(freed, std::memory_order_relaxed);
  for (const auto& [port, use] : ports) {
    const Count& count = counts[port];
    if (count.before > count.found) use->leave(count.before - count.found);
    if (count.before < count.found) use->stations.fetch_add(count.found - count.before);
  }
}

void MacTable::forget(Port port) {
  for (Bucket& bucket : buckets_) {
    for (Slot& slot : bucket.slots) {
      const std::uint64_t value = slot.value.load(std::memory_order_acquire);
      if (is_owned(value) && port_in(value) == port && free_slot(slot, value))
        stations_.fetch_sub(1, std::memory_order_relaxed);
    }
  }
}

}  // namespace tunneld::net
