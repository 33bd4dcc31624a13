// Inner packets that wait for a peer's session. The packets of all peers together are bounded as well: a
// server may have more peers without a session than it has memory for packets to each of them.
//
// To make room, a peer's own oldest packets are dropped: no peer's packets evict those of another.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "common/bytes.h"

namespace tunneld::protocol {

class WaitingPackets {
 public:
  /// The most packets of one peer, and the most bytes of all peers together.
  static constexpr std::size_t kMostPackets = 128;
  static constexpr std::size_t kMostBytesInAll = std::size_t{16} << 20;

  /// `bytes_in_all`: shared by all peers of a tunnel; outlives this object.
  explicit WaitingPackets(std::size_t& bytes_in_all) : bytes_in_all_(bytes_in_all) {}
  WaitingPackets(const WaitingPackets&) = delete;
  WaitingPackets& operator=(const WaitingPackets&) = delete;
  ~WaitingPackets() { clear(); }

  /// Returns how many packets were dropped for it, including itself if there is no room at all.
  std::size_t push(ByteView packet) {
    std::size_t dropped = 0;
    while (!packets_.empty() && (packets_.size() >= kMostPackets || !has_room_for(packet.size()))) {
      bytes_in_all_ -= packets_.front().size();
      packets_.pop_front();
      ++dropped;
    }
    if (!has_room_for(packet.size())) return dropped + 1;
    packets_.emplace_back(packet.begin(), packet.end());
    bytes_in_all_ += packet.size();
    return dropped;
  }
  /// Returns how many packets there were.
  std::size_t clear() {
    for (const auto& packet : packets_) bytes_in_all_ -= packet.size();
    const std::size_t count = packets_.size();
    packets_.clear();
    return count;
  }

  [[nodiscard]] bool empty() const { return packets_.empty(); }
  [[nodiscard]] std::size_t size() const { return packets_.size(); }
  [[nodiscard]] auto begin() const { return packets_.begin(); }
  [[nodiscard]] auto end() const { return packets_.end(); }

 private:
  [[nodiscard]] bool has_room_for(std::size_t bytes) const {
    return bytes_in_all_ + bytes <= kMostBytesInAll;
  }

  std::size_t& bytes_in_all_;
  std::deque<std::vector<std::uint8_t>> packets_;
};

}  // namespace tunneld::protocol
