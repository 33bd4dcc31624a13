// An address that keeps a link's IPv4 routes and is not used for anything else.
#pragma once

#include <array>
#include <cstdint>

#include "common/net/ip_address.h"

namespace tunneld::net {

/// The IPv4 dummy address (RFC 7600). It is added with the scope of its host: nothing is sent from it.
[[nodiscard]] inline IpPrefix dummy_address() {
  return IpPrefix::of(IpAddress::v4(std::array<std::uint8_t, 4>{192, 0, 0, 8}));
}

}  // namespace tunneld::net
