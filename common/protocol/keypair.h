// The keys of a session, with the two things on which their safety depends: the send counter and the replay
// window.
//
// Shared between the control thread (which makes and retires it) and the data workers (which seal and open
// with it). Everything that a worker changes is atomic; the rest is constant once the keypair is published.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "common/clock.h"
#include "common/crypto/aead_engine.h"
#include "common/crypto/secret_memory.h"
#include "common/protocol/constants.h"
#include "common/protocol/lanes.h"
#include "common/protocol/noise_handshake.h"
#include "common/protocol/replay_window.h"

namespace tunneld::protocol {

struct PeerLink;

enum class Role : std::uint8_t { kInitiator, kResponder };

class Keypair {
 public:
  Keypair(PeerLink& peer_link, Role own_role, std::uint32_t local, std::uint32_t remote, Instant now,
          SessionKeys keys, const crypto::AeadEngine& engine)
      : peer(peer_link),
        role(own_role),
        local_index(local),
        remote_index(remote),
        created(now),
        fast_keys_(std::make_unique<FastKeys>(std::move(keys.fast_send), std::move(keys.fast_receive))),
        send_(engine.make_key(crypto::Cipher::kChaCha20Poly1305, keys.send)),
        receive_(engine.make_key(crypto::Cipher::kChaCha20Poly1305, keys.receive)) {}

  // Constant.
  PeerLink& peer;
  const Role role;
  const std::uint32_t local_index;
  const std::uint32_t remote_index;
  const Instant created;

  // Changed by workers.
  ReplayWindow replay;
  SendLanes send_lanes;
  ReceiveLanes receive_lanes;
  /// Responder: set by the first valid data message, which is the initiator's key confirmation. And whether
  /// the control thread has been told.
  std::atomic<bool> confirmed{false};
  std::atomic<bool> confirmation_told{false};
  /// Set once a worker has asked for the keypair's successor, so that it is asked for only once.
  std::atomic<bool> rekey_requested{false};

  /// Used by the control thread only. HELLOs answered: limited, so that a peer cannot make us answer without
  /// end.
  unsigned hellos_answered = 0;

  [[nodiscard]] Instant expires_at() const { return created + kRejectAfterTime; }
  [[nodiscard]] bool expired(Instant now) const { return now >= expires_at(); }

  /// Reserves `n` consecutive nonces and returns the first; nullopt when the limit is reached. No nonce is
  /// ever handed out twice, whatever the thread.
  [[nodiscard]] std::optional<std::uint64_t> take_counters(std::uint64_t n) {
    const std::uint64_t first = next_counter_.fetch_add(n, std::memory_order_relaxed);
    const std::uint64_t limit = send_lanes.count() == 0 ? kRejectAfterMessages : kCountersPerLane;
    if (first >= limit - n) {
      // Keep the counter well below a wrap, however often this is called.
      next_counter_.store(limit, std::memory_order_relaxed);
      return std::nullopt;
    }
    return first;
  }
  [[nodiscard]] std::uint64_t counters_used() const { return next_counter_.load(std::memory_order_relaxed); }
  /// For an authentic message: whether it is the first with this counter. For a caller that has not opened
  /// the message yet: whether it may be.
  [[nodiscard]] bool accept(std::uint64_t counter) {
    ReplayWindow* lane = receive_lanes.window(counter);
    return lane == nullptr ? replay.accept(counter) : lane->accept(counter & (kCountersPerLane - 1));
  }
  [[nodiscard]] bool probably_fresh(std::uint64_t counter) const {
    const ReplayWindow* lane = receive_lanes.window(counter);
    return lane == nullptr ? replay.probably_fresh(counter)
                           : lane->probably_fresh(counter & (kCountersPerLane - 1));
  }
  /// For tests of the limits.
  void skip_counters(std::uint64_t to) { next_counter_.store(to, std::memory_order_relaxed); }

  [[nodiscard]] const crypto::CipherKey& chacha_send() const { return *send_; }
  [[nodiscard]] const crypto::CipherKey& chacha_receive() const { return *receive_; }
  /// AES-256-GCM keys of the extension; null until enabled. See docs/extension.md.
  [[nodiscard]] const crypto::CipherKey* fast_send() const { return fast_send_active_.load(); }
  [[nodiscard]] const crypto::CipherKey* fast_receive() const { return fast_receive_active_.load(); }

  /// Control thread: from now on, message type 5 of this session can be opened.
  void enable_fast_receive(const crypto::AeadEngine& engine) {
    if (fast_receive_) return;
    fast_receive_ = engine.make_key(crypto::Cipher::kAes256Gcm, fast_keys_->receive);
    fast_receive_active_.store(fast_receive_.get());
  }
  /// Control thread: from now on, data leaves as message type 5. The peer has said that it can open it.
  void enable_fast_send(const crypto::AeadEngine& engine) {
    if (fast_send_) return;
    fast_send_ = engine.make_key(crypto::Cipher::kAes256Gcm, fast_keys_->send);
    fast_send_active_.store(fast_send_.get());
  }

 private:
  struct FastKeys : crypto::InSecretMemory {
    FastKeys(crypto::SymmetricKey send_key, crypto::SymmetricKey receive_key)
        : send(std::move(send_key)), receive(std::move(receive_key)) {}
    crypto::SymmetricKey send, receive;
  };

  std::atomic<std::uint64_t> next_counter_{0};
  std::unique_ptr<FastKeys> fast_keys_;
  std::unique_ptr<crypto::CipherKey> send_;
  std::unique_ptr<crypto::CipherKey> receive_;
  std::unique_ptr<crypto::CipherKey> fast_send_;
  std::unique_ptr<crypto::CipherKey> fast_receive_;
  std::atomic<const crypto::CipherKey*> fast_send_active_{nullptr};
  std::atomic<const crypto::CipherKey*> fast_receive_active_{nullptr};
};

}  // namespace tunneld::protocol
