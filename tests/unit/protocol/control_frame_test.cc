// Control frames come from authenticated peers, who may still be hostile: nonsense is refused, and nothing
// throws.
#include "common/protocol/control_frame.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "common/protocol/constants.h"
#include "common/protocol/peer_link.h"

namespace tunneld::protocol {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes hello() {
  return encode(Hello{.is_answer = true, .opens_fast_data = true}.to_frame());
}

// A frame whose CBOR body is `body`.
Bytes framed(const Bytes& body) {
  Bytes bytes(4 + body.size());
  bytes[0] = bytes[1] = 1;
  bytes[2] = static_cast<std::uint8_t>(body.size());
  std::copy(body.begin(), body.end(), bytes.begin() + 4);
  return bytes;
}

TEST(ControlFrame, HelloIsReadAsWritten) {
  Bytes bytes = hello();
  bytes.resize(bytes.size() + 13);  // padding
  const auto frame = decode_control_frame(bytes);
  ASSERT_TRUE(frame);
  const auto read = Hello::from(*frame);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->is_answer);
  EXPECT_TRUE(read->opens_fast_data);
}

TEST(ControlFrame, ContainersThatAnnounceMoreThanMemoryHoldsAreRefused) {
  EXPECT_FALSE(decode_control_frame(framed({0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe})));
  EXPECT_FALSE(decode_control_frame(framed({0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe})));
  EXPECT_FALSE(
      decode_control_frame(framed({0xa1, 0x61, 0x61, 0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe})));
  EXPECT_FALSE(decode_control_frame(framed({0xa1, 0x61, 0x61, 0x9a, 0xff, 0xff, 0xff, 0xff})));
}

TEST(ControlFrame, EveryTruncationIsRefused) {
  const Bytes whole = hello();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(decode_control_frame(ByteView(whole).first(length)));
  }
}

TEST(ControlFrame, WrongTypesAndMissingKeysAreNoHello) {
  for (const nlohmann::json& body :
       {nlohmann::json{{"ciphers", nlohmann::json::array()}},
        nlohmann::json{{"answer", 1}, {"ciphers", nlohmann::json::array()}}, nlohmann::json{{"answer", true}},
        nlohmann::json{{"answer", true}, {"ciphers", "aes-256-gcm"}}}) {
    const auto frame = decode_control_frame(encode({FrameType::kHello, body}));
    ASSERT_TRUE(frame);
    EXPECT_FALSE(Hello::from(*frame)) << body;
  }
  EXPECT_FALSE(decode_control_frame(encode({FrameType::kHello, nlohmann::json::array({1, 2})})));
  EXPECT_FALSE(decode_control_frame(Bytes(kMaxControlFrame + 1, 0x01)));
}

TEST(ControlFrame, MutilatedFramesNeverThrow) {
  std::mt19937 random(7);
  const Bytes whole = hello();
  std::size_t read = 0;
  for (int i = 0; i < 200'000; ++i) {
    Bytes bytes = whole;
    for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
      bytes[4 + random() % (bytes.size() - 4)] = static_cast<std::uint8_t>(random());
    }
    if (const auto frame = decode_control_frame(bytes)) read += Hello::from(*frame) ? 1U : 0U;
  }
  EXPECT_LT(read, 200'000U);
}

TEST(Activity, AWatchThatFoundTheDoorFullIsAskedForAgain) {
  Activity activity;
  const Instant now{std::chrono::seconds(1)};
  EXPECT_TRUE(activity.stamp_sent(now, true));
  EXPECT_FALSE(activity.stamp_sent(now, true));
  activity.watched.store(false);  // what a worker does when the door was full
  EXPECT_TRUE(activity.stamp_sent(now, true));
}

}  // namespace
}  // namespace tunneld::protocol
