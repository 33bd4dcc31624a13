// ICMP errors that are written back into the device, for packets that cannot be sent. (Those that the outer
// network sends us are read in daemon/icmp_error_reader.h.)
//
// One object per data thread, with a fixed buffer for the answers of a batch and a budget: whoever sends into
// the device must not be able to make us send without limit.
//
// The source address of an answer is the destination of the packet that it answers, as if the far end of the
// tunnel had sent it. An address of our own would be the obvious choice, but the kernel drops packets that
// arrive on an interface with one of its own addresses as source (a martian source). And on a host that
// forwards for others, reverse path filters and connection tracking expect the answer to come from where the
// packet went.
#pragma once

#include <array>
#include <memory>

#include "common/clock.h"
#include "common/net/icmp_error_writer.h"

namespace tunneld::protocol {

class InnerIcmpErrors {
 public:
  InnerIcmpErrors() : buffer_(std::make_unique<std::uint8_t[]>(kMost * net::kMaxIcmpError)) {}

  /// Discards the answers of the last batch.
  void begin(Instant now) {
    now_ = now;
    count_ = 0;
  }
  /// Answers `packet` (parsed as `ip`), unless no answer may be sent, the batch is full or the budget is used
  /// up. `mtu`: for kTooBig. Returns whether it was answered.
  bool add(ByteView packet, const net::IpPacket& ip, net::Undeliverable reason, std::size_t mtu = 0);

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] ByteView operator[](std::size_t index) const {
    return {buffer_.get() + index * net::kMaxIcmpError, lengths_[index]};
  }

  static constexpr std::size_t kMost = 16;
  /// Of kinds other than kTooBig: a host that tries many unused addresses must not keep others from learning
  /// their path's MTU. Those kinds have a budget of their own for the same reason.
  static constexpr std::size_t kMostUnreachable = 8;
  /// Answers per second, and the largest burst. Linux limits its own to 1,000 and 50 (icmp_msgs_per_sec).
  static constexpr int kPerSecond = 250;
  static constexpr int kBurst = 50;

 private:
  struct Budget {
    int left = kBurst;
    Instant refilled{};
  };
  /// Whether any budget is left.
  [[nodiscard]] bool refill(Budget& budget) const;

  Instant now_{};
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::array<std::size_t, kMost> lengths_{};
  std::size_t count_ = 0;
  Budget too_big_, unreachable_;
};

}  // namespace tunneld::protocol
