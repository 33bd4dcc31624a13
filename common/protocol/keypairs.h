// The up to three keypairs of a peer (whitepaper section 6.3), and how they replace each other.
//
// `next`: derived as responder and not yet confirmed by the initiator; we may open with it but must not send
// with it. `current`: the one we send with. `previous`: still opens messages that were on their way when
// `current` was installed.
#pragma once

#include <algorithm>
#include <memory>

#include "common/protocol/keypair.h"
#include "common/protocol/services.h"

namespace tunneld::protocol {

class Keypairs {
 public:
  explicit Keypairs(Services& services) : services_(services) {}
  Keypairs(const Keypairs&) = delete;
  Keypairs& operator=(const Keypairs&) = delete;
  ~Keypairs() { clear(); }

  /// As initiator, with the response: the keypair is usable at once.
  Keypair& install_initiator(std::unique_ptr<Keypair> keypair) {
    if (next_) {
      // The peer has initiated as well and may already send under our `next`.
      retire(current_);
      retire(previous_);
      withdraw_next(*next_);
      previous_ = std::move(next_);
    } else {
      retire(previous_);
      previous_ = std::move(current_);
    }
    current_ = std::move(keypair);
    services_.indices.publish(current_->local_index, current_.get());
    return *current_;
  }

  /// As responder, after answering: the keypair waits for confirmation.
  void install_responder(std::unique_ptr<Keypair> keypair) {
    retire(next_);
    retire(previous_);
    next_ = std::move(keypair);
    services_.indices.publish(next_->local_index, next_.get());
  }

  /// Valid data has arrived under the keypair `index`. Returns the new current keypair if that was the
  /// confirmation.
  [[nodiscard]] Keypair* confirm(std::uint32_t index) {
    if (!next_ || next_->local_index != index) return nullptr;
    retire(previous_);
    previous_ = std::move(current_);
    current_ = std::move(next_);
    return current_.get();
  }

  /// When the first of them expires; kNever if there is none.
  [[nodiscard]] Instant next_expiry() const {
    Instant next = kNever;
    for (const Keypair* keypair : {current_.get(), next_.get(), previous_.get()}) {
      if (keypair != nullptr) next = std::min(next, keypair->expires_at());
    }
    return next;
  }
  /// Wipes the keypairs that have expired for both sealing and opening.
  void retire_expired(Instant now) {
    for (std::unique_ptr<Keypair>* keypair : {&next_, &current_, &previous_}) {
      if (*keypair && (*keypair)->expired(now)) retire(*keypair);
    }
  }

  void clear() {
    retire(next_);
    retire(current_);
    retire(previous_);
  }

  [[nodiscard]] Keypair* current() const { return current_.get(); }
  [[nodiscard]] Keypair* next() const { return next_.get(); }
  [[nodiscard]] Keypair* previous() const { return previous_.get(); }
  [[nodiscard]] Keypair* find(std::uint32_t index) const {
    for (Keypair* keypair : {current_.get(), next_.get(), previous_.get()}) {
      if (keypair != nullptr && keypair->local_index == index) return keypair;
    }
    return nullptr;
  }

 private:
  /// Workers no longer start sending with it when the peer confirms it.
  static void withdraw_next(Keypair& keypair) {
    Keypair* expected = &keypair;
    keypair.peer.next.compare_exchange_strong(expected, nullptr);
  }
  void retire(std::unique_ptr<Keypair>& keypair) {
    if (!keypair) return;
    services_.release_index(keypair->local_index);
    withdraw_next(*keypair);
    Keypair* expected = keypair.get();
    keypair->peer.sending.compare_exchange_strong(expected, nullptr);
    services_.quiescence.retire(std::move(keypair));
  }

  Services& services_;
  std::unique_ptr<Keypair> previous_;
  std::unique_ptr<Keypair> current_;
  std::unique_ptr<Keypair> next_;
};

}  // namespace tunneld::protocol
