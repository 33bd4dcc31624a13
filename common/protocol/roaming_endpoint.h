// Where a peer is. Like Published, but a data worker may move it as well: the packet that shows a peer's new
// place is answered as soon as it is in the device, long before the control thread has heard of it.
//
// A worker neither allocates nor frees. It takes the spare that the control thread has laid out, which also
// makes it the only worker that moves the peer; publishes it in the place of the endpoint that it knew; and
// leaves the old one for the control thread to free (allow_move), which lays out the next spare. Until then
// the peer cannot be moved a second time: that goes through the door, and the packet before its answer may
// be delivered early.
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

  /// Any thread inside a batch, and the control thread until its next call of a member; null: nowhere yet.
  [[nodiscard]] const net::Endpoint* get() const { return published_.load(); }

  enum class Move : std::uint8_t {
    kDone,
    kOvertaken,  ///< it is not at `known` any more
    kTooSoon,    ///< the control thread has not looked at the last move yet
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
  /// Control thread: unless a worker has moved it away from `known`.
  void replace_if(const net::Endpoint* known, const net::Endpoint& endpoint, Quiescence& quiescence) {
    auto changed = std::make_unique<const net::Endpoint>(endpoint);
    if (!published_.compare_exchange_strong(known, changed.get())) return;
    (void)changed.release();
    quiescence.retire(std::unique_ptr<const net::Endpoint>(known));
  }
  /// Control thread, first of all and after each move: lets a worker move it (again).
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
  /// Of whoever has taken the spare; the control thread's once moved_ is set.
  const net::Endpoint* replaced_ = nullptr;
  std::atomic<bool> moved_{false};
  bool laid_out_ = false;  ///< the control thread's
};

}  // namespace tunneld::protocol
