// Cuts a superpacket, as an offloading tun delivers it, into the packets that go on the wire.
//
// The kernel leaves two things to us: the cut (gso_type, gso_size) and the transport checksum (csum_start).
// Both are done while each segment is copied to where it will be sealed. Cutting in place would save that
// copy, but then segments could only be sealed one at a time, each before the headers of the next overwrite
// its tail. Sealing in batches gains the AEAD engines more than the copy costs (it stays in cache).
//
// The checksum field of a superpacket holds the sum of the pseudo-header, computed by the sender of the
// packet. Each segment's checksum is completed from that sum, as the kernel does it, and never from the
// addresses in the header: a wrong checksum must not be repaired on the way, and behind an IPv6 routing
// header the address in the IP header is not the one that the checksum covers.
//
// The VirtioNetHeader comes from the kernel, but all of it is checked against the bytes that are there.
// hdr_len in particular is known to be wrong at times and is computed again.
#pragma once

#include <optional>

#include "common/bytes.h"
#include "common/net/checksum.h"
#include "common/net/virtio_net.h"

namespace tunneld::net {

class Segmenter {
 public:
  /// `packet`: a link header of `link_header` bytes (0 on a tun; 14 on a tap, 4 more for each VLAN tag), then
  /// the IP packet; a plain frame on a tap need not be IP. It must outlive the Segmenter. The checksum of a
  /// plain packet is completed in place by this call. nullopt if header and packet do not match.
  [[nodiscard]] static std::optional<Segmenter> plan(const VirtioNetHeader& header, MutableBytes packet,
                                                     std::size_t link_header = 0);

  [[nodiscard]] std::size_t count() const { return count_; }
  /// Bytes of segment `index`, link header included. All are equal but the last, which may be shorter.
  [[nodiscard]] std::size_t size(std::size_t index) const {
    return index + 1 < count_ ? headers_ + piece_ : packet_.size() - index * piece_;
  }
  /// Makes the segments of a TCP superpacket smaller, at most `largest` bytes each; TCP does not care where
  /// the cuts are. Anything else stays unchanged.
  void limit(std::size_t largest) {
    if (kind_ != Kind::kTcp || largest <= headers_ || size(0) <= largest) return;
    piece_ = largest - headers_;
    count_ = (packet_.size() - headers_ + piece_ - 1) / piece_;
  }
  /// Writes segment `index` with its own lengths, numbers and checksums; `out` has size(index) bytes.
  void write(std::size_t index, std::uint8_t* out) const;

 private:
  enum class Kind : std::uint8_t { kPlain, kTcp, kUdp };
  Segmenter(MutableBytes packet, Kind kind) : packet_(packet), kind_(kind) {}
  static bool finish_checksum(const VirtioNetHeader& header, MutableBytes packet);
  [[nodiscard]] bool locate(const VirtioNetHeader& header, std::size_t link_header);
  void write_tcp(std::size_t index, std::uint8_t* tcp) const;

  MutableBytes packet_;
  Kind kind_;
  bool ipv4_ = false;
  std::size_t count_ = 1;
  std::size_t piece_ = 0;      ///< payload bytes of each segment but the last
  std::size_t headers_ = 0;    ///< link, IP and transport headers
  std::size_t network_ = 0;    ///< offset of the IP header
  std::size_t transport_ = 0;  ///< offset of the TCP or UDP header
  PartialSum pseudo_ = 0;      ///< the pseudo-header's, without the length
};

}  // namespace tunneld::net
