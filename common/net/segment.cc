#include "common/net/segment.h"

#include <cstring>

#include "common/net/ip_packet.h"
#include "common/net/transport_header.h"

namespace tunneld::net {
namespace {

/// A length as it appears in a sum of words in memory order.
std::uint16_t network_order(std::size_t length) {
  return __builtin_bswap16(static_cast<std::uint16_t>(length));
}

}  // namespace

bool Segmenter::finish_checksum(const VirtioNetHeader& header, MutableBytes packet) {
  const std::size_t start = header.csum_start;
  const std::size_t field = start + header.csum_offset;
  if (field + 2 > packet.size()) return false;
  // The field holds the pseudo-header's sum, which is part of the total.
  std::uint16_t checksum = finish(sum_bytes(packet.subspan(start)));
  if (checksum == 0) checksum = 0xffff;  // zero means "none" in UDP; the two are equal in one's complement
  store_le(packet.data() + field, checksum);
  return true;
}

std::optional<Segmenter> Segmenter::plan(const VirtioNetHeader& header, MutableBytes packet,
                                         std::size_t link_header) {
  const std::uint8_t type = header.gso_type & static_cast<std::uint8_t>(~kVirtioGsoEcn);
  if (type == kVirtioGsoNone) {
    if ((header.flags & kVirtioNeedsChecksum) != 0 && !finish_checksum(header, packet)) return std::nullopt;
    Segmenter plain(packet, Kind::kPlain);
    plain.headers_ = packet.size();
    return plain;
  }
  const bool tcp = type == kVirtioGsoTcp4 || type == kVirtioGsoTcp6;
  if (!tcp && type != kVirtioGsoUdp) return std::nullopt;
  Segmenter plan(packet, tcp ? Kind::kTcp : Kind::kUdp);
  if (!plan.locate(header, link_header)) return std::nullopt;
  if ((type == kVirtioGsoTcp4 && !plan.ipv4_) || (type == kVirtioGsoTcp6 && plan.ipv4_)) return std::nullopt;
  return plan;
}

bool Segmenter::locate(const VirtioNetHeader& header, std::size_t link_header) {
  if ((header.flags & kVirtioNeedsChecksum) == 0 || header.gso_size == 0) return false;
  if (packet_.size() <= link_header) return false;
  const MutableBytes ip_bytes = packet_.subspan(link_header);
  const auto ip = IpPacket::parse(ip_bytes);
  if (!ip || ip->length != ip_bytes.size()) return false;
  const auto transport = find_transport(ip_bytes, *ip);
  if (!transport || transport->fragmentation != Fragmentation::kWhole) return false;

  const bool tcp = kind_ == Kind::kTcp;
  if (transport->protocol != (tcp ? kProtocolTcp : kProtocolUdp)) return false;
  if (header.csum_start != link_header + transport->offset) return false;
  if (header.csum_offset != (tcp ? kTcpChecksum : kUdpChecksum)) return false;
  const std::size_t available = ip->length - transport->offset;
  if (available < (tcp ? kTcpMinHeader : kUdpHeader)) return false;
  const std::uint8_t* at = packet_.data() + header.csum_start;
  const std::size_t transport_header = tcp ? tcp_header_length(at) : kUdpHeader;
  if ((tcp && transport_header < kTcpMinHeader) || transport_header >= available) return false;

  ipv4_ = ip->family == Family::kIpv4;
  network_ = link_header;
  transport_ = header.csum_start;
  headers_ = transport_ + transport_header;
  piece_ = header.gso_size;
  count_ = (packet_.size() - headers_ + piece_ - 1) / piece_;
  const auto length = static_cast<std::uint16_t>(~network_order(available));
  pseudo_ = PartialSum{load_le<std::uint16_t>(at + header.csum_offset)} + length;
  return true;
}

void Segmenter::write(std::size_t index, std::uint8_t* out) const {
  if (kind_ == Kind::kPlain) {
    std::memcpy(out, packet_.data(), packet_.size());
    return;
  }
  const std::size_t total = size(index);
  std::memcpy(out, packet_.data(), headers_);
  std::memcpy(out + headers_, packet_.data() + headers_ + index * piece_, total - headers_);

  std::uint8_t* ip = out + network_;
  if (ipv4_) {
    store_be16(ip + 2, static_cast<std::uint16_t>(total - network_));
    store_be16(ip + 4, static_cast<std::uint16_t>(load_be16(ip + 4) + index));
    set_ipv4_checksum(ip, std::size_t{ip[0] & 15U} * 4);
  } else {
    store_be16(ip + 4, static_cast<std::uint16_t>(total - network_ - kIpv6HeaderSize));
  }

  std::uint8_t* transport = out + transport_;
  const std::size_t length = total - transport_;
  if (kind_ == Kind::kTcp) {
    write_tcp(index, transport);
  } else {
    store_be16(transport + kUdpLength, static_cast<std::uint16_t>(length));
  }
  std::uint8_t* field = transport + (kind_ == Kind::kTcp ? kTcpChecksum : kUdpChecksum);
  store_le(field, std::uint16_t{0});
  const std::uint16_t checksum = finish(sum_bytes({transport, length}) + pseudo_ + network_order(length));
  store_le(field, kind_ == Kind::kUdp && checksum == 0 ? std::uint16_t{0xffff} : checksum);
}

void Segmenter::write_tcp(std::size_t index, std::uint8_t* tcp) const {
  store_be32(tcp + kTcpSequence, load_be32(tcp + kTcpSequence) + static_cast<std::uint32_t>(index * piece_));
  unsigned flags = tcp[kTcpFlags];
  if (index + 1 < count_) flags &= ~unsigned{kTcpFin | kTcpPsh};
  if (index > 0) flags &= ~unsigned{kTcpCwr};  // RFC 3168: once per window reduction
  tcp[kTcpFlags] = static_cast<std::uint8_t>(flags);
}

}  // namespace tunneld::net
