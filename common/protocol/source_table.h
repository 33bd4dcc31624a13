// A bounded table of source addresses, for per-source limits: IPv4 by /32, IPv6 by /64 (the size that one
// customer gets, so changing addresses within it gains nothing).
//
// Open addressing over a fixed number of slots, all allocated at the first use. Keys are hashed with a random
// key (SipHash), so nobody can aim at one slot. Each source may use one of eight neighbouring slots. If all
// eight hold younger sources, the new source is refused: a flood from many addresses can fill the table but
// evict nobody.
#pragma once

#include <array>
#include <cstring>
#include <memory>

#include <sodium.h>

#include "common/clock.h"
#include "common/net/ip_address.h"
#include "common/protocol/random_source.h"

namespace tunneld::protocol {

template <typename Value>
class SourceTable {
 public:
  static constexpr std::size_t kSlots = 65536;

  /// Entries that were not touched for `idle` may be replaced.
  SourceTable(const RandomBytes& random, Duration idle) : idle_(idle) { random(seed_); }

  /// The value of `source`, a fresh one if it has none (this call also touches the entry); null if there is
  /// no room for it.
  Value* find_or_add(const net::IpAddress& source, Instant now) {
    if (!slots_) slots_ = std::make_unique<std::array<Slot, kSlots>>();
    const Key key = key_of(source);
    std::uint64_t hash = 0;
    std::array<std::uint8_t, crypto_shorthash_BYTES> digest{};
    crypto_shorthash(digest.data(), key.data(), key.size(), seed_.data());
    std::memcpy(&hash, digest.data(), sizeof hash);

    Slot* free = nullptr;
    for (std::size_t i = 0; i < kNeighbours; ++i) {
      Slot& slot = (*slots_)[(hash + i) % kSlots];
      const bool stale = !slot.used || now - slot.touched >= idle_;
      if (!stale && slot.key == key) {
        slot.touched = now;
        return &slot.value;
      }
      if (stale && free == nullptr) free = &slot;
    }
    if (free == nullptr) return nullptr;
    *free = Slot{.key = key, .touched = now, .used = true, .value = {}};
    return &free->value;
  }

 private:
  static constexpr std::size_t kNeighbours = 8;
  using Key = std::array<std::uint8_t, 9>;  ///< family, then 4 or 8 bytes of address
  struct Slot {
    Key key{};
    Instant touched{};
    bool used = false;
    Value value{};
  };

  static Key key_of(const net::IpAddress& source) {
    Key key{};
    key[0] = source.is_v4() ? 4 : 6;
    std::memcpy(key.data() + 1, source.bytes().data(), source.is_v4() ? 4 : 8);
    return key;
  }

  Duration idle_;
  std::array<std::uint8_t, crypto_shorthash_KEYBYTES> seed_{};
  std::unique_ptr<std::array<Slot, kSlots>> slots_;
};

}  // namespace tunneld::protocol
