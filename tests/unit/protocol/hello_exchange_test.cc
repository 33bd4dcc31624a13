// What two ends say and keep of each other: HELLO, whether frames pass, which initiations are answered.
#include "common/protocol/peer/hello_exchange.h"

#include <gtest/gtest.h>

#include "common/protocol/peer/layer2_agreement.h"

namespace tunneld::protocol {
namespace {

const Instant kBegin(1000s);

Hello hello_of(std::uint64_t instance) {
  return {
      .is_answer = false, .version = 1, .instance = instance, .opens_fast_data = false, .capabilities = {}};
}

TEST(HelloExchange, HelloIsSaidThreeTimesUnlessItIsAnswered) {
  HelloExchange exchange;
  exchange.begin(1, true, kBegin);
  for (const Duration after : {Duration(0s), Duration(1s), Duration(3s)}) {
    EXPECT_EQ(exchange.deadline(), kBegin + after);
    EXPECT_TRUE(exchange.take_due(kBegin + after));
    exchange.said(kBegin + after);
  }
  EXPECT_EQ(exchange.deadline(), kNever) << "a stock peer";
  exchange.begin(2, true, kBegin);
  EXPECT_TRUE(exchange.take_due(kBegin));
  exchange.said(kBegin);
  exchange.answered();
  EXPECT_EQ(exchange.deadline(), kNever);
}

TEST(HelloExchange, WhoAnswersSaysItNotFirst) {
  HelloExchange exchange;
  exchange.begin(1, false, kBegin);
  EXPECT_FALSE(exchange.take_due(kBegin));
  EXPECT_EQ(exchange.deadline(), kNever);
}

TEST(HelloExchange, EachSessionIsNewsAndARestartIsTold) {
  HelloExchange exchange;
  auto news = exchange.learn(hello_of(7), 1);
  EXPECT_TRUE(news.session && news.life);
  news = exchange.learn(hello_of(7), 1);
  EXPECT_FALSE(news.session || news.life);
  news = exchange.learn(hello_of(7), 2);
  EXPECT_TRUE(news.session);
  EXPECT_FALSE(news.life);
  news = exchange.learn(hello_of(8), 3);
  EXPECT_TRUE(news.session && news.life);
}

TEST(HelloExchange, WhatIsKnownOutlivesItsSessionByTenSeconds) {
  HelloExchange exchange;
  (void)exchange.learn(hello_of(7), 1);
  exchange.begin(1, false, kBegin);
  EXPECT_EQ(exchange.deadline(), kNever) << "its HELLO came before";
  exchange.begin(2, false, kBegin);
  EXPECT_FALSE(exchange.expired(kBegin + 9s));
  EXPECT_TRUE(exchange.expired(kBegin + 10s));
  EXPECT_TRUE(exchange.forget());
  EXPECT_FALSE(exchange.remote());
  EXPECT_FALSE(exchange.forget());
  EXPECT_EQ(exchange.deadline(), kNever);
}

TEST(HelloExchange, FramesAreLookedAtWithinABudget) {
  FrameBudget budget;
  int taken = 0;
  for (int i = 0; i < 1000; ++i) taken += budget.take(kBegin) ? 1 : 0;
  EXPECT_EQ(taken, 100);
  EXPECT_TRUE(budget.take(kBegin + 20ms));
  EXPECT_FALSE(budget.take(kBegin + 20ms));
}

class Layer2AgreementTest : public testing::Test {
 protected:
  PeerLink link_{0, 1};
  Layer2Agreement tap_{link_, true};
  Layer2Agreement tun_{link_, false};
};

TEST_F(Layer2AgreementTest, TwoTapsAgree) {
  tap_.await(kBegin);
  EXPECT_EQ(tap_.deadline(), kBegin + 5s);
  EXPECT_TRUE(tap_.decide(true));
  EXPECT_TRUE(tap_.is_ready());
  EXPECT_EQ(tap_.deadline(), kNever);
  EXPECT_FALSE(tap_.decide(true)) << "known already";
}

TEST_F(Layer2AgreementTest, ATapAndATunDoNot) {
  EXPECT_TRUE(tap_.decide(false));
  EXPECT_TRUE(tap_.is_refused());
  tap_.forget();
  EXPECT_FALSE(tap_.is_refused());
  EXPECT_TRUE(tun_.decide(true));
  EXPECT_TRUE(tun_.is_refused());
}

TEST_F(Layer2AgreementTest, TwoTunsHaveNothingToAgreeOn) {
  tun_.await(kBegin);
  EXPECT_EQ(tun_.deadline(), kNever);
  EXPECT_FALSE(tun_.decide(false));
  EXPECT_FALSE(tun_.is_ready() || tun_.is_refused());
}

}  // namespace
}  // namespace tunneld::protocol
