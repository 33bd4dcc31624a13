#pragma once

#include <functional>

#include "common/bytes.h"

namespace tunneld::protocol {

/// Where the protocol's random bytes come from: crypto::random_bytes, or a seeded generator in the
/// simulation.
using RandomBytes = std::function<void(MutableBytes)>;

}  // namespace tunneld::protocol
