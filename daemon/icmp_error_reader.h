// Reads why an outer datagram did not arrive, according to ICMP: the sender and the code of the message.
// (The errors that we write into the device ourselves are in common/protocol/inner_icmp_errors.h.)
//
// errno is too coarse: a router's "administratively prohibited" and a host that is off are both EHOSTUNREACH,
// but the first is fixed in a firewall and the second at a power switch. The socket's error queue
// (IP_RECVERR, ip(7)) has type, code and sender.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/bytes.h"
#include "common/net/ip_address.h"

namespace tunneld::daemon {

struct IcmpRefusal {
  int error = 0;                      ///< errno
  std::optional<net::Family> icmp{};  ///< of the ICMP message; nullopt: this host itself says so
  std::uint8_t type = 0;
  std::uint8_t code = 0;  ///< RFC 792, RFC 1812 section 5.2.7.1; RFC 4443 section 3.1
  std::optional<net::IpAddress> sender{};
  /// The destination of the datagram.
  std::optional<net::SocketAddress> destination{};
  /// How many bytes of the datagram's beginning were quoted and fitted into the buffer.
  std::size_t quoted = 0;

  /// Usually sent by the destination itself: the host is up, but the program does not run.
  [[nodiscard]] bool nothing_listens() const;
};

/// Takes the first error from the socket's error queue; nullopt: there is none. The quoted part of the
/// datagram, without the headers, is copied to `quotation`.
[[nodiscard]] std::optional<IcmpRefusal> read_refusal(int socket, MutableBytes quotation = {});

/// Explains the error to an administrator: what it means, and where to look.
[[nodiscard]] std::string words_of_refusal(const IcmpRefusal& refusal);

}  // namespace tunneld::daemon
