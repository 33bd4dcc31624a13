// The only way in which a transport message leaves: counters, headers, cipher, and the consequences of
// sending.
//
// Packets of the data workers, and keepalives, probes and control frames of the control thread, all pass
// through here, so that each of them counts towards the age of its keys (whitepaper section 6.2) and towards
// the timers. The consequences are returned, because a worker passes them on through its door while the
// control thread acts itself.
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
  /// Consecutive datagrams of `datagram_size` bytes; the last may be shorter. In each, the padded plaintext
  /// stands between room for the header and room for the tag.
  MutableBytes datagrams;
  std::size_t datagram_size;
  /// The lane whose counters are used; 0: the session's own.
  unsigned lane = 0;
  /// The message expects an answer (section 6.5), and may use the cipher that the extension has agreed on.
  bool is_data = false;
};

struct SealOutcome {
  /// False: the keypair has no counters left, and nothing must be sent.
  bool is_sealed = false;
  /// The keypair has reached its age, and this call is the first to notice: start a handshake.
  bool wants_successor = false;
  /// A timer of the peer has started that nobody watches yet.
  bool wants_watch = false;
};

/// `jobs`: room for one job per datagram.
[[nodiscard]] SealOutcome seal(const SealRequest& request, Instant now, std::span<crypto::AeadJob> jobs);

}  // namespace tunneld::protocol
