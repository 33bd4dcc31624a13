// The endpoint of a peer. It is like Published, but a data worker may change it as well: a packet that shows
// a peer's new address is answered as soon as it is in the device, long before the control thread has heard
// of it.
//
// A worker neither allocates nor frees. It takes the spare endpoint that the control thread has provided,
// which also makes it the only worker that moves the peer. It publishes the spare in place of the endpoint
// that it knew, and leaves the old one for the control thread to free (allow_move), which then provides the
// next spare. Until then the peer cannot be moved a second time: such a move goes through the door, and the
// packet that caused it may be delivered before the move takes effect.
#pragma once

#include <atomic>
#include <memory>

#include "common/net/ip_address.h"
#include "common/protocol/quiescence.h"

namespace tunneld::protocol {

class RoamingEndpoint {
 public:
  RoamingEndpoint() = default;
  RoamingEndpoint(const RoamingEndpoint&) = delete;
  RoamingEndpoint& operator=(const RoamingEndpoint&) = delete;
  ~RoamingEndpoint() {
    delete published_.load();
    delete spare_.load();
    if (moved_.load()) delete replaced_;
  }

  /// Any thread inside a batch, and the control thread until it next calls a member. Null: no endpoint yet.
  [[nodiscard]] const net::Endpoint* get() const { return published_.load(); }

  enum class Move : std::uint8_t {
    kDone,
    kOvertaken,  ///< it is no longer at `known`
    kTooSoon,    ///< the control thread has not handled the last move yet
  };
  /// Worker, inside a batch. `known`: from get() in the same batch.
  [[nodiscard]] Move move(const net::Endpoint* known, const net::Endpoint& to) {
    net::Endpoint* spare = spare_.exchange(nullptr);
    if (spare == nullptr) return Move::kTooSoon;
    *spare = to;
    const net::Endpoint* expected = known;
    if (!published_.compare_exchange_strong(expected, spare)) {
      spare_.store(spare);
      return Move::kOvertaken;
    }
    replaced_ = known;
    moved_.store(true);
    return Move::kDone;
  }

  /// Control thread.
  void replace(const net::Endpoint& endpoint, Quiescence& quiescence) {
    quiescence.retire(std::unique_ptr<const net::Endpoint>(
        published_.exchange(std::make_unique<const net::Endpoint>(endpoint).release())));
  }
  /// Control thread: replaces the endpoint, unless a worker has moved it away from `known`.
  void replace_if(const net::Endpoint* known, const net::Endpoint& endpoint, Quiescence& quiescence) {
    auto changed = std::make_unique<const net::Endpoint>(endpoint);
    if (!published_.compare_exchange_strong(known, changed.get())) return;
    (void)changed.release();
    quiescence.retire(std::unique_ptr<const net::Endpoint>(known));
  }
  /// Control thread, at the beginning and after each move: lets a worker move the peer (again).
  void allow_move(Quiescence& quiescence) {
    if (moved_.load()) {
      quiescence.retire(std::unique_ptr<const net::Endpoint>(replaced_));
      moved_.store(false);
    } else if (laid_out_) {
      return;
    }
    laid_out_ = true;
    spare_.store(std::make_unique<net::Endpoint>().release());
  }

 private:
  std::atomic<const net::Endpoint*> published_{nullptr};
  std::atomic<net::Endpoint*> spare_{nullptr};
  /// Belongs to the worker that took the spare; to the control thread once moved_ is set.
  const net::Endpoint* replaced_ = nullptr;
  std::atomic<bool> moved_{false};
  bool laid_out_ = false;  ///< used by the control thread only
};

}  // namespace tunneld::protocol
