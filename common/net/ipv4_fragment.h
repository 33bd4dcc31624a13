// Cuts an IPv4 packet into fragments (RFC 791 section 3.2), as a router does with a packet that is too large
// for the next link and has no DF flag.
#pragma once

#include <cstddef>
#include <optional>

#include "common/bytes.h"
#include "common/net/ip_packet.h"

namespace tunneld::net {

class Ipv4Fragmenter {
 public:
  /// nullopt if `packet` (parsed as `ip`) has DF set or is not IPv4, or if `mtu` has no room for eight bytes
  /// after the header. The packet must outlive the Fragmenter.
  [[nodiscard]] static std::optional<Ipv4Fragmenter> plan(ByteView packet, const IpPacket& ip,
                                                          std::size_t mtu);

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t size(std::size_t index) const {
    return index + 1 < count_ ? header_ + piece_ : packet_.size() - index * piece_;
  }
  /// Writes fragment `index`; `out` has size(index) bytes.
  void write(std::size_t index, std::uint8_t* out) const;

 private:
  Ipv4Fragmenter(ByteView packet, std::size_t header, std::size_t piece)
      : packet_(packet),
        header_(header),
        piece_(piece),
        count_((packet.size() - header + piece - 1) / piece) {}

  ByteView packet_;
  std::size_t header_;
  std::size_t piece_;  ///< payload bytes of each fragment but the last: a multiple of eight
  std::size_t count_;
};

}  // namespace tunneld::net
