// Counters of the packet path: each has one writing thread and is summed when it is read.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tunneld::protocol {

/// Why a packet was not delivered. The names are those that `tunneld status --json` prints.
enum class Drop : std::uint8_t {
  kMalformed,         ///< not a message of this protocol: length, type or reserved bytes
  kUnknownIndex,      ///< data for a receiver index that is not (or no longer) ours
  kForged,            ///< authentication failed
  kReplayed,          ///< counter seen before, or behind the window
  kExpiredKey,        ///< data under a key of 180 s or more
  kInnerMalformed,    ///< authenticated, but the content is not an IP packet of that length
  kSourceNotAllowed,  ///< the inner source address does not belong to the sending peer
  kCongestion,        ///< marked outside, but the inner packet cannot carry the mark (RFC 6040)
  kNoRoute,           ///< no peer's allowed IPs contain the destination
  kNoEndpoint,        ///< the peer's address is not known yet
  kQueueFull,         ///< waited for a session; others that waited took the room
  kUnanswered,        ///< waited for a session that was not established
  kDoorFull,          ///< the control thread is behind
  kBadMac1,           ///< handshake message that was not made for our key
  kUnderLoad,         ///< handshake message answered with a cookie, or refused by the rate limit
  kUnknownPeer,       ///< valid handshake of a key that is not configured
  kLoop,  ///< our own datagram came back out of the device, or would: the route to the peer is the tunnel
  kHandshakeRefused,  ///< handshake message that does not decrypt, is replayed, or comes too soon
  kWrongLayer,        ///< an Ethernet frame at a tun or from a peer without a tap, or an IP packet at a tap
  kNotForwarded,   ///< from one client to another without client_to_client; an Ethernet frame that would go
                   ///< back to where it came from
  kFloodLimit,     ///< an Ethernet frame beyond a port's limit of flooded frames
  kTooLarge,       ///< too large for the path to the peer; the sender is told by ICMP
  kSendFailed,     ///< the kernel refused the datagram
  kDeviceRefused,  ///< the tun device refused the packet (down)
  kCount
};
inline constexpr std::size_t kDropReasons = static_cast<std::size_t>(Drop::kCount);
[[nodiscard]] std::string_view to_string(Drop reason);

/// A counter with one writing thread: a plain add, without a locked instruction.
class Counter {
 public:
  void add(std::uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// One thread's drops.
struct alignas(64) DropCounters {
  std::array<Counter, kDropReasons> by_reason;
  /// ICMP errors sent to the senders of dropped packets.
  Counter answered;
  void count(Drop reason, std::uint64_t n = 1) { by_reason[static_cast<std::size_t>(reason)].add(n); }
  [[nodiscard]] std::uint64_t get(Drop reason) const {
    return by_reason[static_cast<std::size_t>(reason)].get();
  }
};

}  // namespace tunneld::protocol
