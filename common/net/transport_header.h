// Where the fields of TCP and UDP headers are (RFC 9293 section 3.1, RFC 768), for code that cuts and joins
// packets.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tunneld::net {

inline constexpr std::size_t kTcpMinHeader = 20;
inline constexpr std::size_t kTcpSequence = 4;
inline constexpr std::size_t kTcpAcknowledgement = 8;
inline constexpr std::size_t kTcpDataOffset = 12;
inline constexpr std::size_t kTcpFlags = 13;
inline constexpr std::size_t kTcpWindow = 14;
inline constexpr std::size_t kTcpChecksum = 16;
inline constexpr std::size_t kTcpUrgent = 18;

inline constexpr std::uint8_t kTcpFin = 0x01;
inline constexpr std::uint8_t kTcpSyn = 0x02;
inline constexpr std::uint8_t kTcpPsh = 0x08;
inline constexpr std::uint8_t kTcpAck = 0x10;
inline constexpr std::uint8_t kTcpCwr = 0x80;

inline constexpr std::size_t kUdpHeader = 8;
inline constexpr std::size_t kUdpLength = 4;
inline constexpr std::size_t kUdpChecksum = 6;

[[nodiscard]] inline std::size_t tcp_header_length(const std::uint8_t* tcp) {
  return (std::size_t{tcp[kTcpDataOffset]} >> 4) * 4;
}

}  // namespace tunneld::net
