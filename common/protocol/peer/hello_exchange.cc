#include "common/protocol/peer/hello_exchange.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/protocol/constants.h"

namespace tunneld::protocol {
namespace {

/// HELLO is repeated after these pauses; a peer that does not answer then counts as a stock one.
constexpr std::array<Duration, 2> kHelloRepeatAfter = {1s, 2s};
/// How long the last HELLO still holds under a new session: after that, the peer's next HELLO is overdue.
constexpr Duration kHelloGrace = 10s;

}  // namespace

bool FrameBudget::take(Instant now) {
  const Duration since = now - refilled_;
  const auto earned = static_cast<std::uint64_t>(since / kEvery);
  if (earned > 0) {
    left_ = std::min<std::uint64_t>(kBurst, left_ + earned);
    refilled_ = now;
  }
  if (left_ == 0) return false;
  --left_;
  return true;
}

void HelloExchange::begin(std::uint32_t index, bool asks, Instant now) {
  said_ = 0;
  say_at_ = asks ? now : kNever;
  if (remote_ && index_ != index) expires_at_ = now + kHelloGrace;
}

bool HelloExchange::take_due(Instant now) {
  if (now < say_at_) return false;
  say_at_ = kNever;
  return true;
}

void HelloExchange::said(Instant now) {
  if (said_ < kHelloRepeatAfter.size()) say_at_ = now + kHelloRepeatAfter[said_];
  ++said_;
}

HelloExchange::News HelloExchange::learn(const Hello& hello, std::uint32_t index) {
  const News news{.session = !remote_ || index_ != index,
                  .life = !remote_ || remote_->instance != hello.instance};
  remote_ = hello;
  index_ = index;
  expires_at_ = kNever;
  return news;
}

bool HelloExchange::forget() {
  expires_at_ = kNever;
  index_ = 0;
  return std::exchange(remote_, std::nullopt).has_value();
}

void HelloExchange::reset() {
  say_at_ = kNever;
  forget();
}

}  // namespace tunneld::protocol
