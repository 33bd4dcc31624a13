// When a peer's silence leads to a keepalive, a question or a new handshake.
#include "common/protocol/peer/silence_watch.h"

#include <gtest/gtest.h>

#include "common/protocol/constants.h"

namespace tunneld::protocol {
namespace {

class SilenceWatchTest : public testing::Test {
 protected:
  /// As a data worker does: rings where nobody watches.
  void send(Instant at, bool can_ask = false) {
    if (activity_.stamp_sent(at, true)) watch_.watch(can_ask, at);
  }
  void receive(Instant at) {
    if (activity_.stamp_received(at, true)) watch_.watch(false, at);
  }
  SilenceWatch::Step look(Instant at, bool can_ask = false) {
    const auto step = watch_.look(can_ask, at);
    watch_.settle(can_ask, at);
    return step;
  }

  const Instant begin_{1000s};
  Activity activity_;
  SilenceWatch watch_{activity_};
};

TEST_F(SilenceWatchTest, AnIdlePeerIsNotLookedAt) {
  EXPECT_EQ(watch_.deadline(), kNever);
  EXPECT_FALSE(watch_.is_watching());
}

TEST_F(SilenceWatchTest, DataWithoutAnAnswerGetsAKeepaliveAfterTenSeconds) {
  receive(begin_);
  EXPECT_EQ(watch_.deadline(), begin_ + kKeepaliveTimeout);
  EXPECT_FALSE(look(begin_ + 9s).keepalive);
  EXPECT_EQ(watch_.deadline(), begin_ + kKeepaliveTimeout);
  EXPECT_TRUE(look(begin_ + 10s).keepalive);
  EXPECT_EQ(watch_.deadline(), kNever);
  EXPECT_FALSE(activity_.watched.load()) << "the next packet rings";
}

TEST_F(SilenceWatchTest, SilenceIsToldOnceAndThenCalledAnew) {
  send(begin_);
  EXPECT_FALSE(look(begin_ + 10s).silent);
  EXPECT_EQ(watch_.deadline(), begin_ + kSilentAfter);
  auto step = look(begin_ + 12s);
  EXPECT_TRUE(step.silent);
  EXPECT_FALSE(step.handshake);
  EXPECT_EQ(watch_.deadline(), begin_ + kNewHandshakeAfter);
  step = look(begin_ + 15s);
  EXPECT_FALSE(step.silent);
  EXPECT_TRUE(step.handshake);
  EXPECT_EQ(watch_.deadline(), kNever);
}

TEST_F(SilenceWatchTest, WhoAnswersQuestionsIsAskedOnceAndCalledSooner) {
  send(begin_, true);
  EXPECT_EQ(watch_.deadline(), begin_ + kProbeSilenceAfter);
  auto step = look(begin_ + 2s, true);
  EXPECT_TRUE(step.probe);
  EXPECT_FALSE(step.handshake || step.silent);
  EXPECT_FALSE(look(begin_ + 3s, true).probe);
  EXPECT_EQ(watch_.deadline(), begin_ + kQuickHandshakeAfter);
  step = look(begin_ + 4s, true);
  EXPECT_TRUE(step.handshake);
  EXPECT_TRUE(step.silent);
}

TEST_F(SilenceWatchTest, AnAnswerEndsTheSilence) {
  send(begin_, true);
  EXPECT_TRUE(look(begin_ + 2s, true).probe);
  activity_.stamp_received(begin_ + 3s, false);
  const auto step = look(begin_ + 4s, true);
  EXPECT_FALSE(step.probe || step.silent || step.handshake);
  EXPECT_EQ(watch_.deadline(), kNever);
}

TEST_F(SilenceWatchTest, ATimerThatAWorkerArmsDuringTheLookIsNotMissed) {
  receive(begin_);
  EXPECT_TRUE(watch_.look(false, begin_ + 10s).keepalive);
  EXPECT_FALSE(activity_.stamp_sent(begin_ + 10s, true)) << "watched: it does not ring";
  watch_.settle(false, begin_ + 10s);
  EXPECT_EQ(watch_.deadline(), begin_ + 10s + kSilentAfter);
}

}  // namespace
}  // namespace tunneld::protocol
