#include "common/protocol/handshake_admission.h"

#include <array>
#include <chrono>

#include <gtest/gtest.h>

#include "tests/unit/addresses.h"

namespace tunneld::protocol {
namespace {

using namespace std::chrono_literals;

class HandshakeAdmissionTest : public testing::Test {
 protected:
  /// An initiation that is addressed to us, and nothing else: admission looks no further.
  [[nodiscard]] InitiationMessage message() {
    std::array<std::uint8_t, sizeof(InitiationMessage)> bytes{};
    crypto::random_bytes(bytes);
    InitiationMessage initiation = InitiationMessage::from(bytes);
    jar_.add_macs(initiation, now_);
    return initiation;
  }
  std::optional<Drop> refusal(const InitiationMessage& initiation, const char* from = "192.0.2.1") {
    actions_.clear();
    return admission_.refuses(as_bytes(initiation), 7, endpoint(from), now_, actions_);
  }
  /// Messages until `from` has to show a cookie.
  void load(const char* from = "192.0.2.1") {
    for (int i = 0; i < 1000; ++i) {
      if (refusal(message(), from) == Drop::kUnderLoad) return;
    }
    FAIL() << "never under load";
  }
  void take_cookie() {
    ASSERT_EQ(actions_.datagrams().size(), 1U);
    const ByteView bytes = actions_.bytes(actions_.datagrams().front());
    ASSERT_EQ(classify(bytes), MessageType::kCookie);
    ASSERT_EQ(jar_.consume_reply(CookieMessage::from(bytes), now_), crypto::Verdict::kAuthentic);
  }
  static net::Endpoint endpoint(const char* from) {
    return {.remote = {address(from), 51820}, .local = std::nullopt, .local_interface = 0};
  }

  const crypto::PublicKey own_key_ = crypto::PrivateKey::generate().public_key();
  HandshakeAdmission admission_{own_key_, crypto::random_bytes};
  CookieJar jar_{own_key_};
  Actions actions_;
  Instant now_{1000s};
};

TEST_F(HandshakeAdmissionTest, WhoDoesNotKnowOurKeyGetsNoAnswer) {
  InitiationMessage initiation = message();
  initiation.mac1[0] ^= 1;
  EXPECT_EQ(refusal(initiation), Drop::kBadMac1);
  EXPECT_TRUE(actions_.datagrams().empty());
  EXPECT_EQ(refusal(message()), std::nullopt);
  EXPECT_TRUE(actions_.datagrams().empty());
}

TEST_F(HandshakeAdmissionTest, UnderLoadASenderGetsACookieAndIsAdmittedWithIt) {
  load();
  EXPECT_EQ(actions_.datagrams().front().to.remote.address, address("192.0.2.1"));
  take_cookie();
  EXPECT_EQ(refusal(message()), std::nullopt);
  EXPECT_TRUE(actions_.datagrams().empty());
}

TEST_F(HandshakeAdmissionTest, ACookieIsWorthNothingFromAnotherAddress) {
  load("192.0.2.2");
  load("192.0.2.1");
  take_cookie();
  EXPECT_EQ(refusal(message(), "192.0.2.2"), Drop::kUnderLoad);
  EXPECT_EQ(actions_.datagrams().size(), 1U) << "it gets a cookie of its own";
}

TEST_F(HandshakeAdmissionTest, ACookieDoesNotLiftTheRateOfOneAddress) {
  load();
  take_cookie();
  int admitted = 0;
  for (int i = 0; i < 100; ++i) admitted += refusal(message()) == std::nullopt ? 1 : 0;
  EXPECT_EQ(admitted, 5) << "the burst";
  EXPECT_TRUE(actions_.datagrams().empty()) << "who has a cookie is not sent another";
}

TEST_F(HandshakeAdmissionTest, AWrongMac1DoesNotCountAsLoad) {
  InitiationMessage initiation = message();
  initiation.mac1[0] ^= 1;
  for (int i = 0; i < 10000; ++i) ASSERT_EQ(refusal(initiation), Drop::kBadMac1);
  EXPECT_EQ(refusal(message()), std::nullopt);
}

}  // namespace
}  // namespace tunneld::protocol
