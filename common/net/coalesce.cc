#include "common/net/coalesce.h"

#include <cstring>

#include "common/net/checksum.h"
#include "common/net/transport_header.h"

namespace tunneld::net {
namespace {

constexpr unsigned kAnyFragment = kIpv4MoreFragments | kIpv4FragmentOffset;

/// True if TCP or UDP ports follow the IP header.
bool shows_ports(const std::uint8_t* network, const IpPacket& ip) {
  if (ip.protocol != kProtocolTcp && ip.protocol != kProtocolUdp) return false;
  if (ip.family == Family::kIpv4 && (load_be16(network + 6) & kAnyFragment) != 0) return false;
  return ip.length >= ip.header_length + 4;
}

/// True if the packet may belong to a TCP or UDP flow although it shows no ports.
bool hides_ports(const IpPacket& ip) {
  if (ip.protocol == kProtocolTcp || ip.protocol == kProtocolUdp) return true;
  return ip.family == Family::kIpv6 && is_ipv6_extension(ip.protocol);
}

/// Of addresses and ports; not unique to a flow.
std::uint64_t fingerprint_of(const std::uint8_t* network, const IpPacket& ip) {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;  // the golden ratio's: spreads low bits upwards
  std::uint64_t mixed = load_le<std::uint32_t>(network + ip.header_length) * kOdd;
  const std::size_t words = ip.family == Family::kIpv4 ? 1 : 4;
  for (std::size_t i = 0; i < words; ++i) {
    mixed = (mixed ^ (mixed >> 32) ^ load_le<std::uint64_t>(ip.source + 8 * i)) * kOdd;
  }
  return mixed;
}

}  // namespace

Coalescer::Coalescer(Options options) : options_(options) {
  packets_.reserve(kMaxPackets);
  items_.reserve(kMaxPackets);
}

void Coalescer::add(MutableBytes frame) {
  const auto index = static_cast<std::uint32_t>(packets_.size());
  packets_.push_back({frame});
  items_.push_back({.first = index, .last = index});
}

void Coalescer::add(MutableBytes frame, const IpPacket& ip, std::size_t link_header) {
  const std::uint8_t* network = frame.data() + link_header;
  if (!shows_ports(network, ip)) {
    // Later packets of its flow must not overtake it.
    if (hides_ports(ip)) close_all();
    return add(frame);
  }
  const auto index = static_cast<std::uint32_t>(packets_.size());
  packets_.push_back({frame});
  const Item candidate = describe(index, ip, link_header);
  const std::uint64_t fingerprint = fingerprint_of(network, ip);
  if (OpenFlow* flow = find_open(fingerprint, candidate)) {
    Item& item = items_[flow->item];
    const bool joined = join(item, candidate);
    const bool last = candidate.push || candidate.piece < item.piece;
    if (!joined || last) flow->item = kNone;
    if (joined) return;
  }
  items_.push_back(candidate);
  if (candidate.payload != 0 && !candidate.push) {
    open(fingerprint, static_cast<std::uint32_t>(items_.size() - 1));
  }
}

Coalescer::Item Coalescer::describe(std::uint32_t index, const IpPacket& ip, std::size_t link_header) const {
  Item item{.first = index, .last = index};
  item.total = static_cast<std::uint32_t>(ip.length);
  item.network = static_cast<std::uint32_t>(link_header);
  item.transport = static_cast<std::uint32_t>(link_header + ip.header_length);
  item.protocol = ip.protocol;
  item.ipv4 = ip.family == Family::kIpv4;

  const ByteView frame = packets_[index].bytes;
  // Ethernet pads short frames, and padding inside a superpacket would become payload.
  if (frame.size() != link_header + ip.length) return item;
  if (item.ipv4) {
    if (ip.header_length != kIpv4HeaderSize) return item;
    item.next_id = static_cast<std::uint16_t>(load_be16(frame.data() + link_header + 4) + 1);
  }
  const ByteView transport = frame.subspan(item.transport);
  const bool joinable =
      item.protocol == kProtocolTcp ? describe_tcp(item, transport) : describe_udp(item, transport);
  if (!joinable) item.payload = 0;
  return item;
}

bool Coalescer::describe_tcp(Item& item, ByteView transport) const {
  if (!options_.tcp || transport.size() < kTcpMinHeader) return false;
  const std::size_t header = tcp_header_length(transport.data());
  if (header < kTcpMinHeader || header >= transport.size()) return false;
  const unsigned flags = transport[kTcpFlags];
  if ((flags & ~unsigned{kTcpPsh}) != kTcpAck) return false;
  item.push = (flags & kTcpPsh) != 0;
  item.payload = item.transport + static_cast<std::uint32_t>(header);
  item.piece = static_cast<std::uint32_t>(transport.size() - header);
  item.next_sequence = load_be32(transport.data() + kTcpSequence) + item.piece;
  return true;
}

bool Coalescer::describe_udp(Item& item, ByteView transport) const {
  if (!options_.udp || transport.size() <= kUdpHeader) return false;
  if (load_be16(transport.data() + kUdpLength) != transport.size()) return false;
  if (load_le<std::uint16_t>(transport.data() + kUdpChecksum) == 0) return false;  // has none
  item.payload = item.transport + static_cast<std::uint32_t>(kUdpHeader);
  item.piece = static_cast<std::uint32_t>(transport.size() - kUdpHeader);
  return true;
}

Coalescer::OpenFlow* Coalescer::find_open(std::uint64_t fingerprint, const Item& candidate) {
  for (OpenFlow& flow : open_) {
    if (flow.fingerprint == fingerprint && flow.item != kNone && same_flow(items_[flow.item], candidate)) {
      return &flow;
    }
  }
  return nullptr;
}

bool Coalescer::same_flow(const Item& item, const Item& candidate) const {
  if (item.protocol != candidate.protocol || item.ipv4 != candidate.ipv4) return false;
  const std::uint8_t* a = first_byte(item);
  const std::uint8_t* b = first_byte(candidate);
  const std::size_t addresses = item.ipv4 ? 12 : 8;
  const std::size_t length = item.ipv4 ? 8 : 32;
  return std::memcmp(a + item.network + addresses, b + candidate.network + addresses, length) == 0 &&
         std::memcmp(a + item.transport, b + candidate.transport, 4) == 0;
}

bool Coalescer::fits(const Item& item, const Item& candidate) const {
  const std::size_t limit = item.protocol == kProtocolUdp ? kMaxUdpParts : kMaxParts;
  if (item.parts >= limit || item.total + candidate.piece > kMaxSuperpacket) return false;
  if (candidate.payload != item.payload || candidate.network != item.network) return false;
  if (candidate.piece > item.piece) return false;

  const std::uint8_t* first = first_byte(item);
  const std::uint8_t* now = first_byte(candidate);
  if (std::memcmp(first, now, item.network) != 0) return false;
  const std::uint8_t* first_ip = first + item.network;
  const std::uint8_t* ip = now + item.network;
  if (item.ipv4) {
    // ToS; flags and offset; TTL.
    if (first_ip[1] != ip[1] || std::memcmp(first_ip + 6, ip + 6, 3) != 0) return false;
    if ((load_be16(ip + 6) & kIpv4DontFragment) == 0 && load_be16(ip + 4) != item.next_id) return false;
  } else {
    // Version, traffic class, flow label; hop limit.
    if (std::memcmp(first_ip, ip, 4) != 0 || first_ip[7] != ip[7]) return false;
  }
  if (item.protocol == kProtocolUdp) return true;

  const std::uint8_t* first_tcp = first + item.transport;
  const std::uint8_t* tcp = now + item.transport;
  if (load_be32(tcp + kTcpSequence) != item.next_sequence) return false;
  // Acknowledgement, data offset and the flags above it.
  if (std::memcmp(first_tcp + kTcpAcknowledgement, tcp + kTcpAcknowledgement, 5) != 0) return false;
  if (std::memcmp(first_tcp + kTcpWindow, tcp + kTcpWindow, 2) != 0) return false;
  const std::size_t rest = item.payload - item.transport - kTcpUrgent;  // urgent pointer and options
  return std::memcmp(first_tcp + kTcpUrgent, tcp + kTcpUrgent, rest) == 0;
}

bool Coalescer::verify(const Item& packet) const {
  const ByteView bytes = ByteView(packets_[packet.first].bytes).subspan(packet.network);
  const auto ip = IpPacket::parse(bytes);
  if (!ip) return false;
  if (packet.ipv4 && fold(sum_bytes(bytes.first(ip->header_length))) != 0xffff) return false;
  const ByteView transport = bytes.subspan(ip->header_length);
  return fold(sum_bytes(transport) + pseudo_header_sum(*ip, packet.protocol, transport.size())) == 0xffff;
}

bool Coalescer::join(Item& item, const Item& candidate) {
  if (candidate.payload == 0 || !fits(item, candidate)) return false;
  if (!item.verified && !verify(item)) return false;
  item.verified = true;
  if (!verify(candidate)) return false;
  packets_[item.last].next = candidate.first;
  item.last = candidate.first;
  ++item.parts;
  item.total += candidate.piece;
  item.next_sequence = candidate.next_sequence;
  item.next_id = candidate.next_id;
  item.push = candidate.push;
  return true;
}

void Coalescer::open(std::uint64_t fingerprint, std::uint32_t item) {
  OpenFlow* place = nullptr;
  for (OpenFlow& flow : open_) {
    if (flow.item == kNone) place = &flow;
  }
  if (place == nullptr) place = &open_[next_open_++ % kOpenFlows];
  *place = {fingerprint, item};
}

VirtioNetHeader Coalescer::finish(const Item& item) {
  VirtioNetHeader header;
  if (item.parts == 1) return header;
  const auto packet = IpPacket::parse(packets_[item.first].bytes.subspan(item.network));
  if (!packet) return header;
  std::uint8_t* ip = first_byte(item) + item.network;
  std::uint8_t* transport = first_byte(item) + item.transport;
  if (item.ipv4) {
    store_be16(ip + 2, static_cast<std::uint16_t>(item.total));
    set_ipv4_checksum(ip, kIpv4HeaderSize);
  } else {
    store_be16(ip + 4, static_cast<std::uint16_t>(item.total - kIpv6HeaderSize));
  }
  header.flags = kVirtioNeedsChecksum;
  header.gso_size = static_cast<std::uint16_t>(item.piece);
  header.hdr_len = static_cast<std::uint16_t>(item.payload);
  header.csum_start = static_cast<std::uint16_t>(item.transport);
  const std::size_t length = item.total - (item.transport - item.network);
  if (item.protocol == kProtocolTcp) {
    header.gso_type = item.ipv4 ? kVirtioGsoTcp4 : kVirtioGsoTcp6;
    header.csum_offset = kTcpChecksum;
    if (item.push) transport[kTcpFlags] = static_cast<std::uint8_t>(transport[kTcpFlags] | kTcpPsh);
  } else {
    header.gso_type = kVirtioGsoUdp;
    header.csum_offset = kUdpChecksum;
    store_be16(transport + kUdpLength, static_cast<std::uint16_t>(length));
  }
  // Whoever cuts the superpacket, the kernel for example, adds the rest to the pseudo-header's sum.
  store_le(transport + header.csum_offset, fold(pseudo_header_sum(*packet, item.protocol, length)));
  return header;
}

std::span<const iovec> Coalescer::gather(const Item& item) {
  std::size_t count = 0;
  for (std::uint32_t at = item.first; at != kNone; at = packets_[at].next) {
    const MutableBytes bytes = packets_[at].bytes.subspan(count == 0 ? 0 : item.payload);
    parts_[count++] = {bytes.data(), bytes.size()};
  }
  return {parts_.data(), count};
}

}  // namespace tunneld::net
