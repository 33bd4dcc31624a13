// HELLO: how two tunnelds find each other inside a WireGuard session, and what each of them can do.
#pragma once

#include <cstdint>
#include <optional>

#include "common/protocol/control_frame.h"

namespace tunneld::protocol {

/// The version of HELLO and of the frames that follow it. A later version may add keys and types without a
/// new number.
inline constexpr unsigned kExtensionVersion = 1;

/// What a tunneld can do, the same in all its sessions. To add a capability, add a field here, its key in
/// hello.cc, and a line in docs/extension.md. A peer whose HELLO does not name a capability does not have it.
struct Capabilities {
  /// Answers CONFIG_REQUEST: a server.
  bool config = false;
  /// Exchanges Ethernet frames; never together with IP packets.
  bool tap = false;
  /// The number of lanes that it can serve, one per worker (lanes.h); 1: only lane 0.
  unsigned lanes = 1;
  /// Answers PROBE.
  bool probe = false;
  bool operator==(const Capabilities&) const = default;
};

struct Hello {
  /// This is the answer to a HELLO, and is not answered itself.
  bool is_answer = false;
  unsigned version = kExtensionVersion;
  /// Random, chosen at each start of the sender: a different number means that it was restarted.
  std::uint64_t instance = 0;
  /// The sender can open message type 5 (AES-256-GCM) under this keypair, from now on.
  bool opens_fast_data = false;
  Capabilities capabilities{};

  [[nodiscard]] ControlFrame to_frame() const;
  /// nullopt if a key is missing or has the wrong type. Unknown keys are ignored.
  [[nodiscard]] static std::optional<Hello> from(const ControlFrame& frame);
  bool operator==(const Hello&) const = default;
};

}  // namespace tunneld::protocol
