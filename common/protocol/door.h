// The door from the fast path to the control thread: one bounded queue from each worker thread.
//
// Everything that is not a data message of a live keypair goes through here: handshake messages, packets that
// wait for a session, control frames, and news ("confirmed", "moved"). Unauthenticated messages have a queue
// of their own, so a flood of them can fill only that one. A full queue drops the record, and the caller
// counts it.
//
// Single producer, single consumer. Records of variable length lie in a ring, and each is written completely
// before the tail moves. The alternative, slots of one MTU each, would take 64 KB of memory for every 40-byte
// notice.
#pragma once

#include <atomic>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

#include "common/bytes.h"
#include "common/net/ip_address.h"
#include "common/protocol/peer/peer_link.h"

namespace tunneld::protocol {

enum class Notice : std::uint8_t {
  kHandshakeMessage,  ///< payload: types 1 to 3, as received from `endpoint`; unauthenticated
  kRefused,           ///< ICMP says that nothing listens at `endpoint`; payload: its quote of our message
  kWaitingPacket,     ///< payload: an inner packet for `peer`, which has no session
  kControlFrame,  ///< payload: an authenticated plaintext that is not an IP packet, from `peer` under `index`
  kConfirmed,     ///< first valid data under the keypair `index` of `peer`
  kMoved,         ///< valid data of `peer` came from another address, which its link has already
  kMoving,        ///< valid data of `peer` under `index` came from `endpoint`; its link could not move yet
  kSourceGone,    ///< the address that we answered `peer` from is no longer ours
  kRekey,         ///< the keypair `index` of `peer` is old enough for a successor
  kLaneWanted,    ///< a worker wants a lane to `peer` under `index`; payload: the lane's number, one byte
  kWatch,         ///< a timer of `peer` has started that the control thread does not watch yet
};

struct DoorRecord {
  Notice notice;
  PeerId peer = 0;
  std::uint32_t index = 0;
  net::Endpoint endpoint{};
};

class NoticeQueue {
 public:
  explicit NoticeQueue(std::size_t capacity)
      : capacity_(capacity), ring_(std::make_unique<std::uint8_t[]>(capacity)) {}

  /// Producer. False if there is no room; then nothing is queued.
  bool push(const DoorRecord& record, ByteView payload) {
    const std::size_t need = sizeof(Header) + round_up(payload.size());
    const std::size_t head = head_.load(std::memory_order_acquire);
    std::size_t tail = tail_.load(std::memory_order_relaxed);
    const std::size_t to_end = capacity_ - tail % capacity_;
    const std::size_t skip = to_end < need ? to_end : 0;  // a record never wraps
    if (need + skip > capacity_ - (tail - head)) return false;
    if (skip >= sizeof(Header)) {
      const Header filler{skip - sizeof(Header), true, {}};
      std::memcpy(&ring_[tail % capacity_], &filler, sizeof filler);
    }
    tail += skip;
    const Header header{payload.size(), false, record};
    std::uint8_t* at = &ring_[tail % capacity_];
    std::memcpy(at, &header, sizeof header);
    if (!payload.empty()) std::memcpy(at + sizeof header, payload.data(), payload.size());
    tail_.store(tail + need, std::memory_order_release);
    return true;
  }

  /// Consumer. Calls visit(record, payload) for the oldest record; false when there is none.
  template <typename Visit>
  bool pop(Visit&& visit) {
    std::size_t head = head_.load(std::memory_order_relaxed);
    const std::size_t tail = tail_.load(std::memory_order_acquire);
    while (head != tail) {
      const std::size_t at = head % capacity_;
      if (capacity_ - at < sizeof(Header)) {  // the rest is too short even for a filler
        head += capacity_ - at;
        continue;
      }
      Header header;
      std::memcpy(&header, &ring_[at], sizeof header);
      const std::size_t size = sizeof header + round_up(header.payload);
      if (header.filler) {
        head += size;
        continue;
      }
      visit(header.record, MutableBytes(&ring_[at + sizeof header], header.payload));
      head_.store(head + size, std::memory_order_release);
      return true;
    }
    head_.store(head, std::memory_order_release);
    return false;
  }

 private:
  struct Header {
    std::size_t payload;
    bool filler;
    DoorRecord record;
  };
  static_assert(std::is_trivially_copyable_v<DoorRecord>);
  static std::size_t round_up(std::size_t size) { return (size + 7) & ~std::size_t{7}; }

  const std::size_t capacity_;  // a multiple of 8
  std::unique_ptr<std::uint8_t[]> ring_;
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
};

class Door {
 public:
  Door() = default;

  /// Producer. False when the queue is full.
  bool push(const DoorRecord& record, ByteView payload = {}) {
    const bool from_anybody = record.notice == Notice::kHandshakeMessage || record.notice == Notice::kRefused;
    NoticeQueue& queue = from_anybody ? strangers_ : peers_;
    if (!queue.push(record, payload)) return false;
    pending_ = true;
    return true;
  }
  /// Producer, after a batch. True if anything has been pushed since the last call: wake the control thread.
  [[nodiscard]] bool take_pending() { return std::exchange(pending_, false); }

  /// Consumer: records that known peers have sent or caused.
  template <typename Visit>
  bool pop_peers(Visit&& visit) {
    return peers_.pop(visit);
  }
  /// Consumer: handshake messages and refusals, from anybody.
  template <typename Visit>
  bool pop_strangers(Visit&& visit) {
    return strangers_.pop(visit);
  }

 private:
  static constexpr std::size_t kPeersCapacity = std::size_t{1} << 20;
  static constexpr std::size_t kStrangersCapacity = std::size_t{1} << 20;  // about 4,000 handshake messages
  NoticeQueue peers_{kPeersCapacity};
  NoticeQueue strangers_{kStrangersCapacity};
  bool pending_ = false;
};

}  // namespace tunneld::protocol
