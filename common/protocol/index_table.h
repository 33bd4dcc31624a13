// Receiver indices: random 32-bit numbers whose low bits are a slot in one array.
//
// The whole number is random, so an observer learns nothing of how many peers there are; reserve() draws
// again when the slot is taken, which makes numbers unique by construction. A worker finds a keypair with one
// load, without a hash table that would need a lock or a copy for each handshake. The array has eight slots
// per peer (three keypairs and a handshake are in use at most), so a draw rarely repeats.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <vector>

#include "common/protocol/random_source.h"

namespace tunneld::protocol {

class Keypair;

class IndexTable {
 public:
  IndexTable(std::size_t peers, RandomBytes random)
      : random_(std::move(random)),
        slots_(std::bit_ceil(std::max<std::size_t>(1024, 8 * peers))),
        reserved_(slots_.size()) {}

  /// Control thread. Precondition: fewer reserved indices than slots.
  [[nodiscard]] std::uint32_t reserve() {
    std::uint32_t index = 0;
    do {
      random_(MutableBytes(reinterpret_cast<std::uint8_t*>(&index), sizeof index));
    } while (reserved_[slot_of(index)]);
    reserved_[slot_of(index)] = true;
    return index;
  }
  /// Control thread: data for `index` now finds the keypair, which must outlive all readers (Quiescence).
  void publish(std::uint32_t index, Keypair* keypair) { slots_[slot_of(index)].store(keypair); }
  /// Control thread: unpublishes and frees the number.
  void release(std::uint32_t index) {
    slots_[slot_of(index)].store(nullptr);
    reserved_[slot_of(index)] = false;
  }

  /// Any thread. The caller compares the keypair's whole index: only the slot is known to match.
  [[nodiscard]] Keypair* find(std::uint32_t index) const { return slots_[slot_of(index)].load(); }

 private:
  [[nodiscard]] std::size_t slot_of(std::uint32_t index) const { return index & (slots_.size() - 1); }

  RandomBytes random_;
  std::vector<std::atomic<Keypair*>> slots_;
  std::vector<bool> reserved_;
};

}  // namespace tunneld::protocol
