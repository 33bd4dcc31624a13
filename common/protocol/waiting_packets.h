// Inner packets that wait for one peer's session, with what waits for all peers together bounded as well: a
// server has more peers without a session than it has memory for packets to each of them.
//
// What is too much goes from this peer's own oldest: nobody's packets push out another's.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "common/bytes.h"

namespace tunneld::protocol {

class WaitingPackets {
 public:
  /// Of one peer, and bytes of all of them.
  static constexpr std::size_t kMostPackets = 128;
  static constexpr std::size_t kMostBytesInAll = std::size_t{16} << 20;

  /// `bytes_in_all`: shared by all peers of a tunnel; outlives this object.
  explicit WaitingPackets(std::size_t& bytes_in_all) : bytes_in_all_(bytes_in_all) {}
  WaitingPackets(const WaitingPackets&) = delete;
  WaitingPackets& operator=(const WaitingPackets&) = delete;
  ~WaitingPackets() { clear(); }

  /// Returns how many packets have been given up for it, itself among them if there is no room at all.
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
  /// Returns how many there were.
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
