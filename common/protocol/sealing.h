// The one way in which a transport message leaves: counters, headers, cipher, and what follows from having
// sent.
//
// Packets of the data workers, and keepalives, probes and control frames of the control thread, all come
// through here, so that each of them counts towards the age of its keys (whitepaper section 6.2) and towards
// the timers. What follows is returned, because a worker passes it on through its door and the control thread
// acts itself.
#pragma once

#include <cstddef>
#include <span>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/crypto/aead_engine.h"
#include "common/protocol/keypair.h"

namespace tunneld::protocol {

struct SealRequest {
  Keypair& keypair;
  /// Datagrams of `datagram_size` bytes one after another, the last may be shorter. In each the padded
  /// plaintext stands between room for the header and room for the tag.
  MutableBytes datagrams;
  std::size_t datagram_size;
  /// Whose counters; 0: the session's own.
  unsigned lane = 0;
  /// It asks for an answer (section 6.5), and may leave under the cipher that the extension has agreed on.
  bool is_data = false;
};

struct SealOutcome {
  /// Otherwise the keypair has no counters left, and nothing must be sent.
  bool is_sealed = false;
  /// The keypair has reached its age, and this is the first to notice: a handshake is due.
  bool wants_successor = false;
  /// A timer of the peer runs that nobody watches yet.
  bool wants_watch = false;
};

/// `jobs`: room for one of each datagram.
[[nodiscard]] SealOutcome seal(const SealRequest& request, Instant now, std::span<crypto::AeadJob> jobs);

}  // namespace tunneld::protocol
