// The replay window: each counter is accepted once, in any order within the last 8128 (based on RFC 6479, but
// lock-free).
//
// Several workers may open packets of one keypair at the same time (lanes, roaming), so the window is shared;
// a lock would be taken once per packet. RFC 6479 clears words when the window moves, which cannot be done
// atomically together with the move. Here nothing is ever cleared: a word carries the number of the block
// that its bits belong to,
//
//     block = counter / 32
//     word = (block mod 2^32) << 32 | 32 bits, one per counter of the block
//     slot = block mod 257                               (257 * 32 = 8224 counters: more than the window)
//
// and a word of another block counts as empty and is replaced as a whole by compare-and-swap.
//
// Why this is correct: `greatest_` is raised before the word is touched. If our slot holds another block,
// that block is either older (replace it) or newer. If it is newer, its writer had raised `greatest_` first,
// so reading `greatest_` again shows that our counter has fallen out of the window. Of two threads with the
// same counter, the compare-and-swap lets only one through. All words of a new window are block 0 with no bit
// set: correct for slot 0, and an older block for all other slots.
//
// The 32-bit block number repeats after a jump of a multiple of 257 * 2^37 counters. A stale word could then
// look current, and a packet with the same bit would be dropped. The reverse cannot happen: no counter is
// ever accepted twice.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "common/protocol/constants.h"

namespace tunneld::protocol {

class ReplayWindow {
 public:
  /// Only reads: false if accept() would certainly refuse. Saves opening a replayed message.
  [[nodiscard]] bool probably_fresh(std::uint64_t counter) const {
    if (counter >= kRejectAfterMessages || too_old(counter)) return false;
    const std::uint64_t word = words_[slot_of(counter)].load(std::memory_order_relaxed);
    return word >> 32 != tag_of(counter) || (word & bit_of(counter)) == 0;
  }

  /// Call it only for a message that has authenticated. True exactly once per counter.
  [[nodiscard]] bool accept(std::uint64_t counter) {
    if (counter >= kRejectAfterMessages || too_old(counter)) return false;
    std::uint64_t greatest = greatest_.load();
    while (counter > greatest && !greatest_.compare_exchange_weak(greatest, counter)) {
    }
    std::atomic<std::uint64_t>& slot = words_[slot_of(counter)];
    std::uint64_t word = slot.load();
    std::uint64_t wanted = 0;
    do {
      if (word >> 32 == tag_of(counter)) {
        if ((word & bit_of(counter)) != 0) return false;
        wanted = word | bit_of(counter);
      } else {
        if (too_old(counter)) return false;
        wanted = tag_of(counter) << 32 | bit_of(counter);
      }
    } while (!slot.compare_exchange_weak(word, wanted));
    return true;
  }

  [[nodiscard]] std::uint64_t greatest() const { return greatest_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kSlots = 257;
  static_assert(kSlots * 32U >= kReplayWindow + std::uint64_t{2} * 32,
                "the window must never meet its own tail");

  static std::size_t slot_of(std::uint64_t counter) {
    return static_cast<std::size_t>((counter >> 5) % kSlots);
  }
  static std::uint64_t tag_of(std::uint64_t counter) { return (counter >> 5) & 0xffffffff; }
  static std::uint64_t bit_of(std::uint64_t counter) { return std::uint64_t{1} << (counter & 31); }
  [[nodiscard]] bool too_old(std::uint64_t counter) const {
    const std::uint64_t greatest = greatest_.load();
    return greatest > kReplayWindow && counter < greatest - kReplayWindow;
  }

  std::atomic<std::uint64_t> greatest_{0};
  std::array<std::atomic<std::uint64_t>, kSlots> words_{};
};

}  // namespace tunneld::protocol
