// Why a datagram did not arrive, as ICMP says it: who said so, and which of its codes.
//
// errno is too coarse: a router's "administratively prohibited" and a host that is off are both EHOSTUNREACH,
// and one is mended in a firewall, the other at a power switch. The socket's error queue (IP_RECVERR, ip(7))
// has type, code and sender.
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
  /// Where the datagram went.
  std::optional<net::SocketAddress> destination{};
  /// How much of the datagram's own beginning was quoted, bytes, as far as there was room for it.
  std::size_t quoted = 0;

  /// The destination's host itself, as a rule: it is there, and the program is not.
  [[nodiscard]] bool nothing_listens() const;
};

/// Takes the first error from the socket's error queue; nullopt: there is none. Its quotation of the
/// datagram, without the headers, goes to `quotation`.
[[nodiscard]] std::optional<IcmpRefusal> read_refusal(int socket, MutableBytes quotation = {});

/// For an administrator: what it means, and where to look.
[[nodiscard]] std::string words_of_refusal(const IcmpRefusal& refusal);

}  // namespace tunneld::daemon
