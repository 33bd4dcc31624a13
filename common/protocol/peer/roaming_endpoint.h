// The endpoint of a peer. It is like Published, but a data worker may change it as well: a packet that shows
// a peer's new address is answered as soon as it is in the device, long before the control thread has heard
// of it.
//
// A worker neither allocates nor frees. The control thread provides a few places; a worker writes the
// endpoint into the next of them and publishes it. A place is written once, so those who read an older one go
// on; and an endpoint that is in one of them already is only published again. So a peer may move as often as
// it likes between a few addresses, and to a few new ones, while the control thread is busy. When it has its
// turn, it provides fresh places (allow_move). A peer that has moved to more new addresses by then goes
// through the door: the packet that caused the move may be delivered before the move takes effect.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>

#include "common/net/ip_address.h"
#include "common/protocol/quiescence.h"

namespace tunneld::protocol {

class RoamingEndpoint {
 public:
  /// How many endpoints a peer may have been at between two turns of the control thread.
  static constexpr std::size_t kPlaces = 8;

  RoamingEndpoint() = default;
  RoamingEndpoint(const RoamingEndpoint&) = delete;
  RoamingEndpoint& operator=(const RoamingEndpoint&) = delete;

  /// Any thread inside a batch, and the control thread until it next calls a member. Null: no endpoint yet.
  [[nodiscard]] const net::Endpoint* get() const { return published_.load(); }

  enum class Move : std::uint8_t {
    kDone,
    kOvertaken,  ///< it is no longer at `known`
    kTooSoon,    ///< no place is left, or another thread is changing it right now
  };
  /// Worker, inside a batch. `known`: from get() in the same batch.
  [[nodiscard]] Move move(const net::Endpoint* known, const net::Endpoint& to) {
    if (changing_.exchange(true)) return Move::kTooSoon;
    const Move done = published_.load() != known ? Move::kOvertaken : put(to) ? Move::kDone : Move::kTooSoon;
    if (done == Move::kDone) moves_.store(moves_.load() + 1);
    changing_.store(false);
    return done;
  }
  /// How often workers have moved it. A peer that is where it was may have been elsewhere meanwhile.
  [[nodiscard]] std::uint64_t moves() const { return moves_.load(); }

  /// Control thread. By value: what `endpoint` was copied from may go.
  void replace(net::Endpoint endpoint, Quiescence& quiescence) {
    begin_change();
    if (!put(endpoint)) {
      provide_places(quiescence);
      put(endpoint);
    }
    changing_.store(false);
  }
  /// Control thread: replaces the endpoint, unless a worker has moved it away from `known`.
  void replace_if(const net::Endpoint* known, net::Endpoint endpoint, Quiescence& quiescence) {
    begin_change();
    if (published_.load() == known && !put(endpoint)) {
      provide_places(quiescence);
      put(endpoint);
    }
    changing_.store(false);
  }
  /// Control thread, at the beginning and whenever it comes by: lets workers move the peer (again).
  void allow_move(Quiescence& quiescence) {
    if (places_ && used_.load() <= kPlaces / 2) return;
    begin_change();
    provide_places(quiescence);
    changing_.store(false);
  }

 private:
  using Places = std::array<net::Endpoint, kPlaces>;

  /// Workers hold it for some instructions only; one of them may be interrupted right there.
  void begin_change() {
    while (changing_.exchange(true)) std::this_thread::yield();
  }
  /// While changing_ is held. False: no place is left.
  bool put(const net::Endpoint& endpoint) {
    if (!places_) return false;
    const std::size_t used = used_.load();
    std::size_t place = 0;
    while (place < used && (*places_)[place] != endpoint) ++place;
    if (place == kPlaces) return false;
    if (place == used) {
      (*places_)[place] = endpoint;
      used_.store(used + 1);
    }
    published_.store(&(*places_)[place]);
    return true;
  }
  /// The same; by the control thread.
  void provide_places(Quiescence& quiescence) {
    auto fresh = std::make_unique<Places>();
    const net::Endpoint* endpoint = published_.load();
    if (endpoint != nullptr) {
      fresh->front() = *endpoint;
      published_.store(&fresh->front());
    }
    used_.store(endpoint == nullptr ? 0 : 1);
    places_.swap(fresh);
    quiescence.retire(std::move(fresh));
  }

  std::atomic<const net::Endpoint*> published_{nullptr};
  /// Whoever sets it owns all below.
  std::atomic<bool> changing_{false};
  std::unique_ptr<Places> places_;
  std::atomic<std::size_t> used_{0};
  std::atomic<std::uint64_t> moves_{0};
};

}  // namespace tunneld::protocol
