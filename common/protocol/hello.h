// HELLO: how two tunnelds find each other inside a WireGuard session, and what each of them can do.
#pragma once

#include <cstdint>
#include <optional>

#include "common/protocol/control_frame.h"

namespace tunneld::protocol {

/// Of what HELLO and the frames after it mean. A later version may add keys and types without a new number.
inline constexpr unsigned kExtensionVersion = 1;

/// What a tunneld can do, the same in all its sessions. A new capability is a field here, its key in
/// hello.cc, and a line in docs/extension.md; a peer that does not name it does not have it.
struct Capabilities {
  /// Answers CONFIG_REQUEST: a server.
  bool config = false;
  /// Exchanges Ethernet frames; never together with IP packets.
  bool tap = false;
  /// Lanes that can be served, one by each worker (lanes.h); 1 is none besides lane 0.
  unsigned lanes = 1;
  /// Answers PROBE.
  bool probe = false;
  bool operator==(const Capabilities&) const = default;
};

struct Hello {
  /// The answer to a HELLO, not to be answered itself.
  bool is_answer = false;
  unsigned version = kExtensionVersion;
  /// Random, made anew at each start of the sender: another number is another life.
  std::uint64_t instance = 0;
  /// The sender can open message type 5 (AES-256-GCM) under this keypair, from now on.
  bool opens_fast_data = false;
  Capabilities capabilities{};

  [[nodiscard]] ControlFrame to_frame() const;
  /// nullopt where a key is missing or has another type than it should. Unknown keys are ignored.
  [[nodiscard]] static std::optional<Hello> from(const ControlFrame& frame);
  bool operator==(const Hello&) const = default;
};

}  // namespace tunneld::protocol
