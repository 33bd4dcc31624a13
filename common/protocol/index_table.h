// Receiver indices: random 32-bit numbers whose low bits are a slot in an array.
//
// The whole number is random, so an observer learns nothing about the number of peers. reserve() draws again
// when the slot is taken, so numbers are unique by construction. A worker finds a keypair with one load,
// without a hash table that would need a lock or a copy for each handshake. The array has eight slots per
// peer (at most three keypairs and a handshake are in use), so a second draw is rare. It grows when peers are
// added: numbers that differ in their low bits also differ in any longer part, so they stay valid.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/protocol/quiescence.h"
#include "common/protocol/random_source.h"

namespace tunneld::protocol {

class Keypair;

class IndexTable {
 public:
  IndexTable(std::size_t peers, RandomBytes random, Quiescence& quiescence)
      : random_(std::move(random)), quiescence_(quiescence) {
    make_room(peers);
  }

  /// Control thread, before indices for this many peers are reserved.
  void make_room(std::size_t peers) {
    const std::size_t size = std::bit_ceil(std::max<std::size_t>(1024, 8 * peers));
    if (size <= reserved_.size()) return;
    auto larger = std::make_unique<Slots>(size);
    std::vector<Reservation> reserved(size);
    for (const Reservation& reservation : reserved_) {
      if (!reservation.taken) continue;
      const std::size_t slot = reservation.index & (size - 1);
      reserved[slot] = reservation;
      (*larger)[slot].store(find(reservation.index));
    }
    reserved_ = std::move(reserved);
    slots_.replace(std::move(larger), quiescence_);
  }

  /// Control thread. Precondition: there is room.
  [[nodiscard]] std::uint32_t reserve() {
    std::uint32_t index = 0;
    do {
      random_(MutableBytes(reinterpret_cast<std::uint8_t*>(&index), sizeof index));
    } while (reserved_[slot_of(index)].taken);
    reserved_[slot_of(index)] = {.index = index, .taken = true};
    return index;
  }
  /// Control thread: from now on data for `index` finds the keypair, which must outlive all readers
  /// (Quiescence).
  void publish(std::uint32_t index, Keypair* keypair) { slot(index).store(keypair); }
  /// Control thread: unpublishes and frees the number.
  void release(std::uint32_t index) {
    slot(index).store(nullptr);
    reserved_[slot_of(index)] = {};
  }

  /// Any thread. Only the slot is known to match, so the caller has to compare the keypair's whole index.
  [[nodiscard]] Keypair* find(std::uint32_t index) const { return slot(index).load(); }

 private:
  /// Atomic, so workers may read a slot while the control thread writes it; the size of the array never
  /// changes.
  using Slots = std::vector<std::atomic<Keypair*>>;
  struct Reservation {
    std::uint32_t index = 0;
    bool taken = false;
  };

  [[nodiscard]] std::size_t slot_of(std::uint32_t index) const { return index & (reserved_.size() - 1); }
  [[nodiscard]] std::atomic<Keypair*>& slot(std::uint32_t index) const {
    Slots& slots = *slots_.get();
    return slots[index & (slots.size() - 1)];
  }

  RandomBytes random_;
  Quiescence& quiescence_;
  Published<Slots> slots_;
  std::vector<Reservation> reserved_;  ///< by slot; used by the control thread only
};

}  // namespace tunneld::protocol
