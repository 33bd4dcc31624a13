// Addresses as tests write them.
#pragma once

#include <string_view>

#include "common/net/ip_address.h"

namespace tunneld {

inline net::IpPrefix prefix(std::string_view text) {
  return net::IpPrefix::parse(text).value();
}

inline net::IpAddress address(std::string_view text) {
  return net::IpAddress::parse(text).value();
}

}  // namespace tunneld
