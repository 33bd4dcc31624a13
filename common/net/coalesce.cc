#include "common/net/coalesce.h"

#include <algorithm>

#include "common/net/checksum.h"
#include "common/net/transport_header.h"

namespace tunneld::net {
namespace {

constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint16_t kFragmentMask = 0x3fff;  // more fragments, or an offset

bool is_fragment(const std::uint8_t* ipv4) {
  return (load_be16(ipv4 + 6) & kFragmentMask) != 0;
}
bool dont_fragment(const std::uint8_t* ipv4) {
  return (load_be16(ipv4 + 6) & kDontFragment) != 0;
}

}  // namespace

Coalescer::Coalescer(Options options) : options_(options) {
  packets_.reserve(kMaxPackets);
  items_.reserve(kMaxPackets);
  open_.fill(kNone);
}

bool Coalescer::key_of(MutableBytes packet, const IpPacket& ip, FlowKey& key) {
  if (ip.protocol != kProtocolTcp && ip.protocol != kProtocolUdp) return false;
  if (ip.family == Family::kIpv4 && is_fragment(packet.data())) return false;
  if (ip.length < ip.header_length + 4) return false;
  key[0] = ip.protocol;
  const std::size_t addresses = 2 * address_bits(ip.family) / 8;
  std::memcpy(key.data() + 1, ip.source, addresses);
  std::memcpy(key.data() + 33, packet.data() + ip.header_length, 4);
  return true;
}

bool Coalescer::describe(MutableBytes packet, const IpPacket& ip, Item& item) const {
  const std::uint8_t* transport = packet.data() + ip.header_length;
  const std::size_t available = ip.length - ip.header_length;
  if (ip.family == Family::kIpv4) {
    if (ip.header_length != kIpv4HeaderSize) return false;
    item.next_id = static_cast<std::uint16_t>(load_be16(packet.data() + 4) + 1);
  }
  std::size_t transport_header = 0;
  if (ip.protocol == kProtocolTcp && options_.tcp) {
    if (available < kTcpMinHeader) return false;
    transport_header = tcp_header_length(transport);
    if (transport_header < kTcpMinHeader || transport_header >= available) return false;
    const unsigned flags = transport[kTcpFlags];
    if ((flags & ~unsigned{kTcpPsh}) != kTcpAck) return false;
    item.push = (flags & kTcpPsh) != 0;
    item.next_sequence =
        load_be32(transport + kTcpSequence) + static_cast<std::uint32_t>(available - transport_header);
  } else if (ip.protocol == kProtocolUdp && options_.udp) {
    transport_header = kUdpHeader;
    if (available <= kUdpHeader || load_be16(transport + kUdpLength) != available) return false;
    if (load_le<std::uint16_t>(transport + kUdpChecksum) == 0) return false;
  } else {
    return false;
  }
  item.protocol = ip.protocol;
  item.ip_header = ip.header_length;
  item.headers = ip.header_length + transport_header;
  item.piece = ip.length - item.headers;
  return true;
}

bool Coalescer::checksums_hold(ByteView packet, const IpPacket& ip) {
  if (ip.family == Family::kIpv4 && fold(sum_bytes(packet.first(ip.header_length))) != 0xffff) return false;
  const std::size_t length = ip.length - ip.header_length;
  return fold(sum_bytes(packet.subspan(ip.header_length, length)) +
              pseudo_header_sum(ip, ip.protocol, length)) == 0xffff;
}

bool Coalescer::joins(const Item& item, const Item& candidate, ByteView packet, const IpPacket& ip) const {
  const std::size_t limit = item.protocol == kProtocolUdp ? kMaxUdpParts : kMaxParts;
  if (item.headers == 0 || item.headers != candidate.headers || item.parts >= limit) return false;
  if (candidate.piece > item.piece || item.total + candidate.piece > kMaxSuperpacket) return false;

  const std::uint8_t* first = packets_[item.first].bytes.data();
  const std::uint8_t* now = packet.data();
  if (ip.family == Family::kIpv4) {
    // ToS; flags and offset; TTL. Addresses are in the key.
    if (first[1] != now[1] || std::memcmp(first + 6, now + 6, 3) != 0) return false;
    if (!dont_fragment(now) && load_be16(now + 4) != item.next_id) return false;
  } else {
    // Version, traffic class, flow label; hop limit.
    if (std::memcmp(first, now, 4) != 0 || first[7] != now[7]) return false;
  }
  if (item.protocol == kProtocolUdp) return true;

  const std::uint8_t* first_tcp = first + item.ip_header;
  const std::uint8_t* tcp = now + item.ip_header;
  if (load_be32(tcp + kTcpSequence) != item.next_sequence) return false;
  if (std::memcmp(first_tcp + kTcpAcknowledgement, tcp + kTcpAcknowledgement, 5) != 0)
    return false;  // and data offset
  if (std::memcmp(first_tcp + kTcpWindow, tcp + kTcpWindow, 2) != 0) return false;
  const std::size_t options = item.headers - item.ip_header - kTcpUrgent;  // urgent pointer and options
  return std::memcmp(first_tcp + kTcpUrgent, tcp + kTcpUrgent, options) == 0;
}

/// After this packet nothing may follow in its superpacket.
bool Coalescer::closes(const Item& item, const Item& candidate) {
  return candidate.push || candidate.piece < item.piece;
}

void Coalescer::add(MutableBytes packet, const IpPacket& ip) {
  const auto index = static_cast<std::uint32_t>(packets_.size());
  packets_.push_back({packet});
  Item candidate{.first = index, .last = index};
  candidate.total = ip.length;
  if (!key_of(packet, ip, candidate.key)) {
    // Of no flow that we can tell; it must not be overtaken by what comes later, nor overtake.
    items_.push_back(candidate);
    open_.fill(kNone);
    return;
  }
  const bool joinable = describe(packet, ip, candidate);
  const auto found = std::find_if(open_.begin(), open_.end(), [&](std::uint32_t open) {
    return open != kNone && items_[open].key == candidate.key;
  });
  if (found != open_.end()) {
    Item& item = items_[*found];
    if (joinable && joins(item, candidate, packet, ip)) {
      if (item.verified == Verified::kUnknown) {
        const MutableBytes first = packets_[item.first].bytes;
        const auto first_ip = IpPacket::parse(first);
        item.verified = first_ip && checksums_hold(first, *first_ip) ? Verified::kGood : Verified::kBad;
      }
      candidate.verified = checksums_hold(packet, ip) ? Verified::kGood : Verified::kBad;
      if (item.verified == Verified::kGood && candidate.verified == Verified::kGood) {
        packets_[item.last].next = index;
        item.last = index;
        ++item.parts;
        item.total += candidate.piece;
        item.next_sequence = candidate.next_sequence;
        item.next_id = candidate.next_id;
        item.push = candidate.push;
        if (closes(item, candidate)) *found = kNone;
        return;
      }
    }
    *found = kNone;
  }
  items_.push_back(candidate);
  if (!joinable || candidate.push || candidate.verified == Verified::kBad) return;
  auto place = std::find(open_.begin(), open_.end(), kNone);
  if (place == open_.end()) place = open_.begin() + static_cast<std::ptrdiff_t>(next_open_++ % kOpenFlows);
  *place = static_cast<std::uint32_t>(items_.size() - 1);
}

VirtioNetHeader Coalescer::finish(Item& item) {
  if (item.parts == 1) return {};
  std::uint8_t* ip = packets_[item.first].bytes.data();
  std::uint8_t* transport = ip + item.ip_header;
  const bool v4 = ip[0] >> 4 == 4;
  if (v4) {
    store_be16(ip + 2, static_cast<std::uint16_t>(item.total));
    set_ipv4_checksum(ip, item.ip_header);
  } else {
    store_be16(ip + 4, static_cast<std::uint16_t>(item.total - kIpv6HeaderSize));
  }
  VirtioNetHeader header;
  header.flags = kVirtioNeedsChecksum;
  header.gso_size = static_cast<std::uint16_t>(item.piece);
  header.hdr_len = static_cast<std::uint16_t>(item.headers);
  header.csum_start = static_cast<std::uint16_t>(item.ip_header);
  const std::size_t length = item.total - item.ip_header;
  if (item.protocol == kProtocolTcp) {
    header.gso_type = v4 ? kVirtioGsoTcp4 : kVirtioGsoTcp6;
    header.csum_offset = kTcpChecksum;
    if (item.push) transport[kTcpFlags] = static_cast<std::uint8_t>(transport[kTcpFlags] | kTcpPsh);
  } else {
    header.gso_type = kVirtioGsoUdp;
    header.csum_offset = kUdpChecksum;
    store_be16(transport + kUdpLength, static_cast<std::uint16_t>(length));
  }
  if (const auto packet = IpPacket::parse({ip, item.total})) {
    // The kernel, or who cuts the superpacket, adds the rest to the pseudo-header's sum.
    store_le(transport + header.csum_offset, fold(pseudo_header_sum(*packet, item.protocol, length)));
  }
  return header;
}

std::span<const iovec> Coalescer::gather(const Item& item) {
  std::size_t count = 0;
  for (std::uint32_t at = item.first; at != kNone; at = packets_[at].next) {
    const std::size_t skip = count == 0 ? 0 : item.headers;
    const MutableBytes bytes = packets_[at].bytes.subspan(skip);
    parts_[count++] = {bytes.data(), bytes.size()};
  }
  return {parts_.data(), count};
}

}  // namespace tunneld::net
