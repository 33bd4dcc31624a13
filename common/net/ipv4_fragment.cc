#include "common/net/ipv4_fragment.h"

#include <cstring>

#include "common/net/checksum.h"

namespace tunneld::net {
namespace {

constexpr std::size_t kFragmentField = 6;
constexpr std::uint16_t kMoreFragments = 0x2000;
constexpr std::uint16_t kOffsetMask = 0x1fff;
constexpr std::size_t kOffsetUnit = 8;

constexpr std::uint8_t kOptionEnd = 0;
constexpr std::uint8_t kOptionNothing = 1;
/// RFC 791 section 3.1: an option with this bit in its type goes into every fragment.
constexpr std::uint8_t kOptionCopied = 0x80;

/// Overwrites the options that belong only into the first fragment; stops at a malformed one.
void blank_first_only_options(MutableBytes options) {
  std::size_t at = 0;
  while (at < options.size() && options[at] != kOptionEnd) {
    if (options[at] == kOptionNothing) {
      ++at;
      continue;
    }
    if (at + 1 >= options.size()) return;
    const std::size_t length = options[at + 1];
    if (length < 2 || at + length > options.size()) return;
    if ((options[at] & kOptionCopied) == 0) std::memset(&options[at], kOptionNothing, length);
    at += length;
  }
}

}  // namespace

std::optional<Ipv4Fragmenter> Ipv4Fragmenter::plan(ByteView packet, const IpPacket& ip, std::size_t mtu) {
  if (ip.family != Family::kIpv4 || (load_be16(packet.data() + kFragmentField) & kIpv4DontFragment) != 0)
    return std::nullopt;
  const std::size_t header = ip.header_length;
  if (ip.length <= header || mtu < header + kOffsetUnit) return std::nullopt;
  return Ipv4Fragmenter(packet.first(ip.length), header, (mtu - header) / kOffsetUnit * kOffsetUnit);
}

void Ipv4Fragmenter::write(std::size_t index, std::uint8_t* out) const {
  const std::size_t total = size(index);
  std::memcpy(out, packet_.data(), header_);
  std::memcpy(out + header_, packet_.data() + header_ + index * piece_, total - header_);
  if (index > 0) blank_first_only_options({out + kIpv4HeaderSize, header_ - kIpv4HeaderSize});
  // The packet may be a fragment itself: offsets continue from its own, and its last piece has the More
  // Fragments flag only if the packet has it.
  const std::uint16_t field = load_be16(out + kFragmentField);
  const std::size_t offset = (field & kOffsetMask) + index * piece_ / kOffsetUnit;
  std::size_t flags = field & kMoreFragments;
  if (index + 1 < count_) flags = kMoreFragments;
  store_be16(out + kFragmentField, static_cast<std::uint16_t>(flags | (offset & kOffsetMask)));
  store_be16(out + 2, static_cast<std::uint16_t>(total));
  set_ipv4_checksum(out, header_);
}

}  // namespace tunneld::net
