#include "common/protocol/peer/silence_watch.h"

#include <algorithm>
#include <utility>

#include "common/protocol/constants.h"

namespace tunneld::protocol {
namespace {

Instant at(const std::atomic<Instant::rep>& stamp) {
  return Instant(Duration(stamp.load()));
}
bool is_set(const std::atomic<Instant::rep>& stamp) {
  return stamp.load() != 0;
}
Duration handshake_after(bool can_ask) {
  return can_ask ? kQuickHandshakeAfter : kNewHandshakeAfter;
}

}  // namespace

void SilenceWatch::watch(bool can_ask, Instant now) {
  const Duration soonest = can_ask ? kProbeSilenceAfter : std::min(kKeepaliveTimeout, kNewHandshakeAfter);
  look_at_ = std::min(look_at_, now + soonest);
}

SilenceWatch::Step SilenceWatch::look(bool can_ask, Instant now) {
  Step step;
  look_at_ = kNever;
  if (is_set(activity_.unanswered_receive) && now >= at(activity_.unanswered_receive) + kKeepaliveTimeout) {
    activity_.unanswered_receive.store(0);
    step.keepalive = true;
  }
  const Instant::rep since = activity_.unanswered_send.load();
  if (since == 0) return step;
  const Duration waited = now - Instant(Duration(since));
  const auto once = [since](Instant::rep& done_for) { return std::exchange(done_for, since) != since; };
  if (waited >= handshake_after(can_ask)) {
    activity_.unanswered_send.store(0);
    step.silent = once(told_);
    step.handshake = true;
  } else if (can_ask) {
    // Traffic in one direction looks like silence, too: only a probe tells the difference.
    step.probe = waited >= kProbeSilenceAfter && once(asked_);
  } else {
    // An answer, or a keepalive in its place, is overdue: time to ask the resolver before the handshake
    // begins.
    step.silent = waited >= kSilentAfter && once(told_);
  }
  return step;
}

Instant SilenceWatch::next_look(bool can_ask, Instant now) const {
  Instant next = kNever;
  if (is_set(activity_.unanswered_receive)) next = at(activity_.unanswered_receive) + kKeepaliveTimeout;
  if (is_set(activity_.unanswered_send)) {
    const bool done = (can_ask ? asked_ : told_) == activity_.unanswered_send.load();
    const Duration before = can_ask ? kProbeSilenceAfter : kSilentAfter;
    next = std::min(next, at(activity_.unanswered_send) + (done ? handshake_after(can_ask) : before));
  }
  // While we watch, a worker that arms another timer does not ring.
  if (can_ask && next != kNever) next = std::min(next, now + kProbeSilenceAfter);
  return next;
}

void SilenceWatch::settle(bool can_ask, Instant now) {
  look_at_ = next_look(can_ask, now);
  if (look_at_ != kNever) return;
  activity_.watched.store(false);
  // A worker may have armed a timer between the look and the store, seen `watched`, and not rung.
  const Instant late = next_look(can_ask, now);
  if (late != kNever && !activity_.watched.exchange(true)) look_at_ = late;
}

}  // namespace tunneld::protocol
