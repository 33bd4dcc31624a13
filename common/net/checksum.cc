#include "common/net/checksum.h"

namespace tunneld::net {
namespace {

/// Adds with the carry brought around: the sum of one's complement arithmetic on 64 bits.
void add(std::uint64_t& sum, std::uint64_t value) {
  sum += value;
  sum += static_cast<std::uint64_t>(sum < value);
}

}  // namespace

PartialSum sum_bytes(ByteView bytes) {
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  const auto take = [&]<typename Word>(Word) {
    const Word word = load_le<Word>(at);
    at += sizeof word;
    left -= sizeof word;
    return std::uint64_t{word};
  };
  // Four chains, so that one addition need not wait for the carry of the one before.
  std::uint64_t a = 0, b = 0, c = 0, d = 0;
  while (left >= 32) {
    add(a, take(std::uint64_t{}));
    add(b, take(std::uint64_t{}));
    add(c, take(std::uint64_t{}));
    add(d, take(std::uint64_t{}));
  }
  while (left >= 8) add(a, take(std::uint64_t{}));
  if (left >= 4) add(b, take(std::uint32_t{}));
  if (left >= 2) add(c, take(std::uint16_t{}));
  if (left == 1) add(d, take(std::uint8_t{}));
  add(a, b);
  add(c, d);
  add(a, c);
  // Leaves room for adding further sums without carries.
  return (a & 0xffffffff) + (a >> 32);
}

PartialSum pseudo_header_sum(const IpPacket& packet, std::uint8_t protocol, std::size_t length) {
  const std::size_t address = address_bits(packet.family) / 8;
  std::uint8_t tail[8] = {};
  store_be32(tail, static_cast<std::uint32_t>(length));
  tail[7] = protocol;
  return sum_bytes({packet.source, address}) + sum_bytes({packet.destination, address}) + sum_bytes(tail);
}

void set_ipv4_checksum(std::uint8_t* header, std::size_t length) {
  store_le(header + 10, std::uint16_t{0});
  store_le(header + 10, finish(sum_bytes({header, length})));
}

}  // namespace tunneld::net
