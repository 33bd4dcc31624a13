// Receives UDP in bulk: recvmmsg over runs of datagrams that the kernel has joined (UDP_GRO).
//
// One system call returns up to `messages` buffers, each with one datagram or a run of equal datagrams of one
// sender. All memory that the kernel writes to is allocated once, here; the data is opened in place. The
// sender is kept as raw bytes: a worker compares it with the last one it knows, and converts it to an
// Endpoint only when a peer has moved.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/bytes.h"
#include "common/net/ip_address.h"

namespace tunneld::net {

/// Where a message came from and where it arrived. IPv4 is held as v4-mapped IPv6; equal bytes mean equal
/// endpoints.
struct RawEndpoint {
  std::array<std::uint8_t, 16> remote{};
  std::array<std::uint8_t, 16> local{};  // all zero when unknown
  std::uint32_t scope_id = 0;
  std::uint32_t interface = 0;
  std::uint16_t port = 0;

  [[nodiscard]] Endpoint parse() const;
  bool operator==(const RawEndpoint&) const = default;
};

/// One buffer of a batch; valid until the next receive. `data` holds datagrams of `segment_size` bytes each;
/// the last may be shorter.
struct ReceivedMessage {
  MutableBytes data;
  /// 1 to data.size(); 0 only when `data` is empty (an empty datagram, or one that did not fit its buffer).
  std::size_t segment_size = 0;
  /// The outer header's ECN field, 0 to 3.
  std::uint8_t ecn = 0;
  RawEndpoint from;
};

class ReceiveBatch {
 public:
  /// Holds the largest run that the kernel joins.
  static constexpr std::size_t kBufferSize = 65536;

  explicit ReceiveBatch(std::size_t messages = 32);

  /// One recvmmsg on a non-blocking UDP socket. Returns the number of messages: 0 when there is none. Errors
  /// about earlier sends are ignored, others counted.
  std::size_t receive(int fd);
  [[nodiscard]] std::size_t size() const { return received_; }
  [[nodiscard]] ReceivedMessage operator[](std::size_t index);
  /// Failed receive calls, since construction.
  [[nodiscard]] std::uint64_t errors() const { return errors_; }
  /// The last receive() met an error about an earlier send. If refusals are heard, the socket's error queue
  /// says more about it.
  [[nodiscard]] bool met_refusal() const { return met_refusal_; }

 private:
  // in6_pktinfo, IPV6_TCLASS, UDP_GRO and IP_TOS.
  static constexpr std::size_t kControlSize = CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int)) * 3;
  struct alignas(cmsghdr) Control {
    std::array<std::uint8_t, kControlSize> bytes;
  };

  void arm(std::size_t index);

  std::unique_ptr<std::uint8_t[]> buffers_;
  std::vector<mmsghdr> headers_;
  std::vector<iovec> parts_;
  std::vector<sockaddr_in6> names_;
  std::vector<Control> controls_;
  std::size_t received_ = 0;
  std::uint64_t errors_ = 0;
  bool met_refusal_ = false;
};

}  // namespace tunneld::net
