#include "common/net/segment.h"

#include <cstring>

#include "common/net/checksum.h"
#include "common/net/ip_packet.h"
#include "common/net/transport_header.h"

namespace tunneld::net {

bool Segmenter::finish_checksum(const VirtioNetHeader& header, MutableBytes packet) {
  const std::size_t start = header.csum_start;
  const std::size_t field = start + header.csum_offset;
  if (start > packet.size() || field + 2 > packet.size()) return false;
  // The field holds the pseudo-header's sum, which belongs into the total.
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
  if ((header.flags & kVirtioNeedsChecksum) == 0 || header.gso_size == 0) return std::nullopt;
  Segmenter plan(packet, tcp ? Kind::kTcp : Kind::kUdp);
  plan.network_ = link_header;
  plan.transport_ = header.csum_start;
  if (packet.size() <= link_header) return std::nullopt;
  const auto ip = IpPacket::parse(packet.subspan(link_header));
  if (!ip || ip->length != packet.size() - link_header) return std::nullopt;
  if (plan.transport_ < link_header + ip->header_length) return std::nullopt;
  const std::size_t least = tcp ? kTcpMinHeader : kUdpHeader;
  if (plan.transport_ + least > packet.size()) return std::nullopt;
  const std::size_t transport_header = tcp ? tcp_header_length(&packet[plan.transport_]) : kUdpHeader;
  plan.headers_ = plan.transport_ + transport_header;
  if (transport_header < least || plan.headers_ >= packet.size()) return std::nullopt;

  plan.piece_ = header.gso_size;
  plan.count_ = (packet.size() - plan.headers_ + plan.piece_ - 1) / plan.piece_;
  return plan;
}

void Segmenter::write(std::size_t index, std::uint8_t* out) const {
  if (kind_ == Kind::kPlain) {
    std::memcpy(out, packet_.data(), packet_.size());
    return;
  }
  const std::size_t total = size(index);
  const std::size_t payload = total - headers_;
  std::memcpy(out, packet_.data(), headers_);
  std::uint8_t* ip = out + network_;
  std::uint8_t* transport = out + transport_;
  if (ip[0] >> 4 == 4) {
    store_be16(ip + 2, static_cast<std::uint16_t>(total - network_));
    store_be16(ip + 4, static_cast<std::uint16_t>(load_be16(ip + 4) + index));
    set_ipv4_checksum(ip, std::size_t{ip[0] & 15U} * 4);
  } else {
    store_be16(ip + 4, static_cast<std::uint16_t>(total - network_ - kIpv6HeaderSize));
  }

  std::size_t checksum_at = 0;
  std::uint8_t protocol = 0;
  if (kind_ == Kind::kTcp) {
    store_be32(transport + kTcpSequence,
               load_be32(transport + kTcpSequence) + static_cast<std::uint32_t>(index * piece_));
    unsigned flags = transport[kTcpFlags];
    if (index + 1 < count_) flags &= ~unsigned{kTcpFin | kTcpPsh};
    if (index > 0) flags &= ~unsigned{kTcpCwr};  // RFC 3168: once per window reduction
    transport[kTcpFlags] = static_cast<std::uint8_t>(flags);
    checksum_at = kTcpChecksum;
    protocol = kProtocolTcp;
  } else {
    store_be16(transport + kUdpLength, static_cast<std::uint16_t>(kUdpHeader + payload));
    checksum_at = kUdpChecksum;
    protocol = kProtocolUdp;
  }

  const auto packet = IpPacket::parse({ip, total - network_});
  store_le(transport + checksum_at, std::uint16_t{0});
  const std::size_t transport_header = headers_ - transport_;
  PartialSum sum = sum_bytes({transport, transport_header});
  sum += copy_and_sum(out + headers_, packet_.subspan(headers_ + index * piece_, payload));
  if (packet) sum += pseudo_header_sum(*packet, protocol, transport_header + payload);
  std::uint16_t checksum = finish(sum);
  if (kind_ == Kind::kUdp && checksum == 0) checksum = 0xffff;
  store_le(transport + checksum_at, checksum);
}

}  // namespace tunneld::net
