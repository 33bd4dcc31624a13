// A data message around one inner packet (whitepaper section 5.4.6): header, packet, zero padding, tag.
#pragma once

#include <algorithm>
#include <cstring>

#include "common/bytes.h"
#include "common/crypto/aead.h"
#include "common/protocol/messages.h"

namespace tunneld::protocol {

inline constexpr std::size_t kDataOverhead = sizeof(DataHeader) + crypto::kTagSize;

/// The inner packet padded to a multiple of 16, but not beyond the device's MTU.
[[nodiscard]] inline std::size_t padded_size(std::size_t inner, std::size_t mtu) {
  const std::size_t rounded = (inner + 15) & ~std::size_t{15};
  return rounded <= mtu ? rounded : std::max(inner, mtu);
}

}  // namespace tunneld::protocol
