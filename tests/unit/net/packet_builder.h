// Inner packets for tests, built field by field and checksummed the slow way: the plain reference that the
// packet path is compared with.
#pragma once

#include <cstdint>
#include <numeric>
#include <random>
#include <string_view>
#include <vector>

#include "common/bytes.h"
#include "common/net/ip_address.h"

namespace tunneld::net::testing {

using Bytes = std::vector<std::uint8_t>;
using Random = std::mt19937_64;

inline void put(Bytes& to, ByteView bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}
inline void put8(Bytes& to, unsigned value) {
  to.push_back(static_cast<std::uint8_t>(value));
}
inline void put16(Bytes& to, std::size_t value) {
  put8(to, static_cast<unsigned>(value >> 8 & 0xff));
  put8(to, static_cast<unsigned>(value & 0xff));
}
inline void put32(Bytes& to, std::uint32_t value) {
  put16(to, value >> 16);
  put16(to, value & 0xffff);
}

inline Bytes random_bytes(Random& random, std::size_t size) {
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}
inline std::size_t between(Random& random, std::size_t least, std::size_t most) {
  return std::uniform_int_distribution<std::size_t>(least, most)(random);
}

/// RFC 1071 by the book: big-endian words, one at a time. Not complemented.
inline std::uint16_t naive_sum(ByteView bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? unsigned{bytes[i]} << 8 : bytes[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

enum class Checksum : std::uint8_t { kWhole, kPseudoHeaderOnly };

/// A TCP or UDP packet, field by field. The defaults make a plain data segment.
struct PacketSpec {
  bool ipv6 = false;
  bool udp = false;
  Bytes link;  ///< link header, as it is
  Bytes source{10, 0, 0, 1};
  Bytes destination{10, 0, 0, 2};
  std::uint16_t source_port = 40000;
  std::uint16_t destination_port = 443;
  std::uint8_t traffic_class = 0;
  std::uint8_t ttl = 64;
  std::uint16_t id = 1000;
  std::uint16_t fragment_field = 0x4000;  ///< flags and offset of IPv4
  std::uint32_t flow_label = 0;
  Bytes ip_options;             ///< IPv4, multiples of 4
  Bytes extensions;             ///< IPv6 extension headers, ready made
  std::uint8_t first_next = 0;  ///< type of the first of them
  Bytes pseudo_destination;     ///< of the pseudo-header where a routing header changes it
  std::uint32_t sequence = 1;
  std::uint32_t acknowledgement = 77;
  std::uint8_t flags = 0x10;
  std::uint8_t reserved = 0;  ///< low nibble of the data offset byte
  std::uint16_t window = 500;
  std::uint16_t urgent = 0;
  Bytes tcp_options;  ///< multiples of 4
  Bytes payload;

  static PacketSpec v6() {
    PacketSpec spec;
    spec.ipv6 = true;
    spec.source = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    spec.destination = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
    return spec;
  }
};

inline Bytes build_transport(const PacketSpec& spec, Checksum checksum) {
  Bytes out;
  put16(out, spec.source_port);
  put16(out, spec.destination_port);
  std::size_t field = 6;
  if (spec.udp) {
    put16(out, 8 + spec.payload.size());
    put16(out, 0);
  } else {
    field = 16;
    put32(out, spec.sequence);
    put32(out, spec.acknowledgement);
    put8(out, static_cast<unsigned>((20 + spec.tcp_options.size()) / 4 << 4) | spec.reserved);
    put8(out, spec.flags);
    put16(out, spec.window);
    put16(out, 0);
    put16(out, spec.urgent);
    put(out, spec.tcp_options);
  }
  put(out, spec.payload);

  Bytes summed;
  put(summed, spec.source);
  put(summed, spec.pseudo_destination.empty() ? spec.destination : spec.pseudo_destination);
  put32(summed, static_cast<std::uint32_t>(out.size()));
  put32(summed, spec.udp ? 17 : 6);
  if (checksum == Checksum::kWhole) put(summed, out);
  auto sum = naive_sum(summed);
  if (checksum == Checksum::kWhole) {
    sum = static_cast<std::uint16_t>(~sum);
    if (spec.udp && sum == 0) sum = 0xffff;
  }
  store_be16(out.data() + field, sum);
  return out;
}

inline Bytes build(const PacketSpec& spec, Checksum checksum = Checksum::kWhole) {
  const Bytes transport = build_transport(spec, checksum);
  const unsigned protocol = spec.udp ? 17 : 6;
  Bytes ip;
  if (spec.ipv6) {
    put32(ip, 6U << 28 | std::uint32_t{spec.traffic_class} << 20 | spec.flow_label);
    put16(ip, spec.extensions.size() + transport.size());
    put8(ip, spec.extensions.empty() ? protocol : spec.first_next);
    put8(ip, spec.ttl);
    put(ip, spec.source);
    put(ip, spec.destination);
    put(ip, spec.extensions);
  } else {
    const std::size_t header = 20 + spec.ip_options.size();
    put8(ip, static_cast<unsigned>(0x40 | header / 4));
    put8(ip, spec.traffic_class);
    put16(ip, header + transport.size());
    put16(ip, spec.id);
    put16(ip, spec.fragment_field);
    put8(ip, spec.ttl);
    put8(ip, protocol);
    put16(ip, 0);
    put(ip, spec.source);
    put(ip, spec.destination);
    put(ip, spec.ip_options);
    store_be16(ip.data() + 10, static_cast<std::uint16_t>(~naive_sum(ip)));
  }
  Bytes out = spec.link;
  put(out, ip);
  put(out, transport);
  return out;
}

/// Bytes before the transport header.
inline std::size_t transport_offset(const PacketSpec& spec) {
  return spec.link.size() + (spec.ipv6 ? 40 + spec.extensions.size() : 20 + spec.ip_options.size());
}
inline std::size_t payload_offset(const PacketSpec& spec) {
  return transport_offset(spec) + (spec.udp ? 8 : 20 + spec.tcp_options.size());
}

/// Where a packet that the builder made does not check: "" if all its checksums hold.
inline std::string_view wrong_checksum(const PacketSpec& shape, ByteView packet) {
  const std::size_t network = shape.link.size();
  const std::size_t transport = transport_offset(shape);
  if (!shape.ipv6 && naive_sum(packet.subspan(network, 20 + shape.ip_options.size())) != 0xffff)
    return "IPv4";
  Bytes summed;
  put(summed, shape.source);
  put(summed, shape.pseudo_destination.empty() ? shape.destination : shape.pseudo_destination);
  put32(summed, static_cast<std::uint32_t>(packet.size() - transport));
  put32(summed, shape.udp ? 17 : 6);
  put(summed, packet.subspan(transport));
  return naive_sum(summed) == 0xffff ? "" : "transport";
}

}  // namespace tunneld::net::testing
