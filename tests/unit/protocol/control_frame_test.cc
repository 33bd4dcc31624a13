// Control frames come from authenticated peers, who may still be hostile: nonsense is refused, and nothing
// throws.
#include "common/protocol/control_frame.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "common/json.h"
#include "common/protocol/constants.h"
#include "common/protocol/hello.h"
#include "common/protocol/peer/peer_link.h"

namespace tunneld::protocol {
namespace {

using Bytes = std::vector<std::uint8_t>;
const Hello kHello{.is_answer = true,
                   .version = 1,
                   .instance = 0xfedcba9876543210,
                   .opens_fast_data = true,
                   .capabilities = {.config = true, .tap = true, .lanes = 4, .probe = true}};

Bytes hello() {
  return encode(kHello.to_frame()).value();
}

// A frame whose CBOR body is `body`.
Bytes framed(const Bytes& body) {
  Bytes bytes(4 + body.size());
  bytes[0] = bytes[1] = 1;
  store_le(&bytes[2], static_cast<std::uint16_t>(body.size()));
  std::copy(body.begin(), body.end(), bytes.begin() + 4);
  return bytes;
}

TEST(ControlFrame, HelloIsReadAsWritten) {
  Bytes bytes = hello();
  bytes.resize(bytes.size() + 13);  // padding
  const auto frame = decode_control_frame(bytes);
  ASSERT_TRUE(frame);
  EXPECT_EQ(Hello::from(*frame), kHello);
}

TEST(ControlFrame, WhatIsNotNamedIsNotThere) {
  const auto read = Hello::from({FrameType::kHello,
                                 {{"answer", false},
                                  {"version", 1U},
                                  {"instance", 7U},
                                  {"ciphers", Json::array({"other"})},
                                  {"new", 1}}});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->capabilities, Capabilities());
  EXPECT_FALSE(read->opens_fast_data);
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
    // The same where the length says so.
    if (length > 4) {
      Bytes shortened(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      store_le(&shortened[2], static_cast<std::uint16_t>(length - 4));
      EXPECT_FALSE(decode_control_frame(shortened));
    }
  }
}

TEST(ControlFrame, BytesBehindTheBodyAreRefused) {
  EXPECT_TRUE(decode_control_frame(framed({0xa0})));
  EXPECT_FALSE(decode_control_frame(framed({0xa0, 0x00})));
  EXPECT_FALSE(decode_control_frame(framed({0xa0, 0xa0})));
}

TEST(ControlFrame, AKeyGivenTwiceIsRefused) {
  EXPECT_TRUE(decode_control_frame(framed({0xa2, 0x61, 'a', 0x01, 0x61, 'b', 0x02})));
  EXPECT_FALSE(decode_control_frame(framed({0xa2, 0x61, 'a', 0x01, 0x61, 'a', 0x02})));
  // In a map within a list, too; the same key in two maps is fine.
  EXPECT_FALSE(decode_control_frame(framed({0xa1, 0x61, 'x', 0x81, 0xa2, 0x61, 'a', 1, 0x61, 'a', 2})));
  EXPECT_TRUE(decode_control_frame(framed({0xa1, 0x61, 'x', 0x82, 0xa1, 0x61, 'a', 1, 0xa1, 0x61, 'a', 2})));
}

TEST(ControlFrame, DeepNestingIsRefused) {
  for (const std::uint8_t opening : {std::uint8_t{0x81}, std::uint8_t{0x9f}}) {
    Bytes body{0xa1, 0x61, 'x'};
    body.resize(kMaxControlFrame - 4, opening);
    EXPECT_FALSE(decode_control_frame(framed(body)));
  }
  EXPECT_TRUE(decode_control_frame(framed({0xa1, 0x61, 'x', 0x81, 0x81, 0x81, 0x01})));
  EXPECT_FALSE(
      decode_control_frame(framed({0xa1, 0x61, 'x', 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x01})));
}

TEST(ControlFrame, UnknownTypesAndEthernetHaveNoBodyToRead) {
  Bytes bytes = hello();
  for (unsigned type = 0; type < 256; ++type) {
    bytes[1] = static_cast<std::uint8_t>(type);
    const bool known = type >= 1 && type <= 11 && type != 5;
    EXPECT_EQ(decode_control_frame(bytes).has_value(), known) << type;
  }
}

TEST(ControlFrame, AnOversizedOneIsNeitherWrittenNorRead) {
  EXPECT_FALSE(encode({FrameType::kConfig, {{"x", std::string(kMaxControlFrame, 'x')}}}));
  const Json large{{"x", std::string(kMaxControlFrame - 4 - 6, 'x')}};
  const auto largest = encode({FrameType::kConfig, large});
  ASSERT_TRUE(largest);
  ASSERT_EQ(largest->size(), kMaxControlFrame);
  EXPECT_TRUE(decode_control_frame(*largest));
  Bytes body = Json{{"x", std::string(kMaxControlFrame, 'x')}}.to_cbor();
  EXPECT_FALSE(decode_control_frame(framed(body)));
}

TEST(ControlFrame, WrongTypesAndMissingKeysAreNoHello) {
  const Json good = kHello.to_frame().body;
  for (const char* key : {"answer", "version", "instance", "ciphers"}) {
    Json body = good;
    body.erase(key);
    EXPECT_FALSE(Hello::from({FrameType::kHello, body})) << key;
  }
  for (const auto& [key, value] : good.items()) {
    for (const Json& wrong :
         {Json(nullptr), Json(-1), Json(1.5), Json("text"), Json::array({1}), Json::object()}) {
      Json body = good;
      body[key] = wrong;
      EXPECT_FALSE(Hello::from({FrameType::kHello, body})) << body;
    }
  }
  Json body = good;
  body["lanes"] = 0;
  EXPECT_FALSE(Hello::from({FrameType::kHello, body}));
  body["lanes"] = 257;
  EXPECT_FALSE(Hello::from({FrameType::kHello, body}));
  EXPECT_FALSE(Hello::from({FrameType::kBye, good}));
  EXPECT_FALSE(decode_control_frame(encode({FrameType::kHello, Json::array({1, 2})}).value()));
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
