// ICMP errors on their way back into the device, for packets that the way out cannot carry.
//
// One object per data thread: a fixed buffer for the answers of a batch, and a budget, because whoever sends
// into the device must not be able to make us send without end.
//
// The source of an answer is the destination of the packet that it is about, as if the tunnel's far end had
// said it. An address of our own would be the obvious one, but the kernel drops what arrives on an interface
// in its own name (a martian source), and on a host that forwards for others reverse path filters and
// connection tracking want the answer to come from where the packet went.
#pragma once

#include <array>
#include <memory>

#include "common/clock.h"
#include "common/net/icmp.h"

namespace tunneld::protocol {

class IcmpAnswers {
 public:
  IcmpAnswers() : buffer_(std::make_unique<std::uint8_t[]>(kMost * net::kMaxIcmpError)) {}

  /// Forgets the answers of the last batch.
  void begin(Instant now) {
    now_ = now;
    count_ = 0;
  }
  /// Answers `packet` (parsed as `ip`), unless none may be sent, the batch is full or the budget is used up.
  /// `mtu`: for kTooBig. True: it is answered.
  bool add(ByteView packet, const net::IpPacket& ip, net::Undeliverable reason, std::size_t mtu = 0);

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] ByteView operator[](std::size_t index) const {
    return {buffer_.get() + index * net::kMaxIcmpError, lengths_[index]};
  }

  static constexpr std::size_t kMost = 16;
  /// Of kinds other than kTooBig: there is no end of addresses that nobody has, and who tries them must not
  /// keep others from learning their path's MTU. A budget of its own is for the same.
  static constexpr std::size_t kMostUnreachable = 8;
  /// Answers a second, and how many may come at once. Linux allows its own 1,000 and 50 (icmp_msgs_per_sec).
  static constexpr int kPerSecond = 250;
  static constexpr int kBurst = 50;

 private:
  struct Budget {
    int left = kBurst;
    Instant refilled{};
  };
  /// Whether there is something left.
  [[nodiscard]] bool refill(Budget& budget) const;

  Instant now_{};
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::array<std::size_t, kMost> lengths_{};
  std::size_t count_ = 0;
  Budget too_big_, unreachable_;
};

}  // namespace tunneld::protocol
