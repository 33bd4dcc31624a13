// Cutting a superpacket, as an offloading tun hands it out, into the packets that go on the wire.
//
// The kernel leaves two things undone: the cut (gso_type, gso_size) and the transport checksum (csum_start).
// Both are done here in one pass: each segment is written to where it will be sealed, its payload copied and
// summed at once. Cutting in place would save that copy, but then segments could only be sealed one at a
// time, each before the headers of the next overwrite its tail; the batch is worth more to the AEAD engines
// than the copy costs (it stays in cache).
//
// The header before the packet is the kernel's word, yet everything is checked against the bytes that are
// there; hdr_len in particular is known to lie and is computed anew.
#pragma once

#include <optional>

#include "common/bytes.h"
#include "common/net/virtio_net.h"

namespace tunneld::net {

class Segmenter {
 public:
  /// `packet`: a link header of `link_header` bytes (0 on a tun), then the IP packet. It must outlive the
  /// Segmenter. nullopt if header and packet do not fit each other.
  [[nodiscard]] static std::optional<Segmenter> plan(const VirtioNetHeader& header, MutableBytes packet,
                                                     std::size_t link_header = 0);

  [[nodiscard]] std::size_t count() const { return count_; }
  /// Bytes of segment `index`, link header included. All are equal but the last, which may be shorter.
  [[nodiscard]] std::size_t size(std::size_t index) const {
    return index + 1 < count_ ? headers_ + piece_ : packet_.size() - index * piece_;
  }
  /// Writes segment `index` with its own lengths, numbers and checksums; `out` has size(index) bytes.
  void write(std::size_t index, std::uint8_t* out) const;

 private:
  enum class Kind : std::uint8_t { kPlain, kTcp, kUdp };
  Segmenter(MutableBytes packet, Kind kind) : packet_(packet), kind_(kind) {}
  static bool finish_checksum(const VirtioNetHeader& header, MutableBytes packet);

  MutableBytes packet_;
  Kind kind_;
  std::size_t count_ = 1;
  std::size_t piece_ = 0;      ///< payload bytes of each segment but the last
  std::size_t headers_ = 0;    ///< link, IP and transport headers
  std::size_t network_ = 0;    ///< offset of the IP header
  std::size_t transport_ = 0;  ///< offset of the TCP or UDP header
};

}  // namespace tunneld::net
