// CONFIG comes from a server that may be hostile: taken whole, or not at all.
#include "common/protocol/config_message.h"

#include <random>

#include <gtest/gtest.h>

#include "common/json.h"
#include "common/net/dns_name.h"

namespace tunneld::protocol {
namespace {

ConfigMessage whole() {
  ConfigMessage message;
  message.serial = 7;
  message.addresses = {*net::IpAddress::parse("10.8.0.10"), *net::IpAddress::parse("fd08::a")};
  message.routes = {*net::IpPrefix::parse("10.8.0.0/24"), *net::IpPrefix::parse("::/0")};
  message.dns_servers = {*net::IpAddress::parse("10.8.0.1")};
  message.dns_search = {"corp.example", "x"};
  message.mtu = 1400;
  message.keepalive = 0;
  message.lifetime = 86400;
  return message;
}

std::optional<ConfigMessage> with(const char* key, const Json& value) {
  ControlFrame frame = whole().to_frame();
  frame.body[key] = value;
  return ConfigMessage::from(frame);
}

TEST(ConfigMessage, IsReadAsWritten) {
  const auto bytes = encode(whole().to_frame());
  ASSERT_TRUE(bytes);
  const auto frame = decode_control_frame(*bytes);
  ASSERT_TRUE(frame);
  EXPECT_EQ(ConfigMessage::from(*frame), whole());
}

TEST(ConfigMessage, ARefusalHasNothingElse) {
  for (const auto refusal : {ConfigMessage::Refusal::kExhausted, ConfigMessage::Refusal::kStorage}) {
    ConfigMessage message;
    message.serial = 1;
    message.refusal = refusal;
    EXPECT_EQ(ConfigMessage::from(message.to_frame()), message);
  }
}

TEST(ConfigMessage, EveryWrongTypeIsRefused) {
  const Json body = whole().to_frame().body;
  for (const auto& [key, value] : body.items()) {
    for (const Json& wrong : {Json(nullptr), Json(-1), Json(1.5), Json("text"), Json::object(), Json(true),
                              Json::array({1}), Json::array({Json::array()}), Json::array({"not one"})}) {
      EXPECT_FALSE(with(key.c_str(), wrong)) << key << " " << wrong;
    }
  }
  for (const char* key : {"serial", "lifetime"}) {
    ControlFrame frame = whole().to_frame();
    frame.body.erase(key);
    EXPECT_FALSE(ConfigMessage::from(frame)) << key;
    frame.body[key] = 0U;
    EXPECT_FALSE(ConfigMessage::from(frame)) << key;
  }
  EXPECT_FALSE(with("refused", 1U));
  EXPECT_TRUE(with("something_new", 1U));
}

TEST(ConfigMessage, WhatNoHostShouldHaveIsRefused) {
  for (const char* address :
       {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "169.254.1.1", "::", "::1", "fe80::1",
        "ff02::1", "::ffff:10.0.0.1", "0.1.2.3", "10.0.0.1/32", "10.0.0.1; id"}) {
    EXPECT_FALSE(with("addresses", Json::array({address}))) << address;
    EXPECT_FALSE(with("dns_servers", Json::array({address}))) << address;
  }
  for (const char* route : {"127.0.0.0/8", "224.0.0.0/4", "10.0.0.1/24", "fe80::/10", "ff00::/8", "::1/128",
                            "10.0.0.0/33", "fd00::/129", "169.254.0.0/16", "0.0.0.0/8", "10.0.0.0/8 "}) {
    EXPECT_FALSE(with("routes", Json::array({route}))) << route;
  }
  for (const char* route : {"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "::/0", "10.0.0.0/8", "fd00::/8"}) {
    EXPECT_TRUE(with("routes", Json::array({route}))) << route;
  }
  for (const char* name :
       {"", ".", "a..b", "-a", "a-", "*.a", "a b", "a;b", "$(id)", "a\nb", "a/b", "ä.de", "x."}) {
    EXPECT_FALSE(with("dns_search", Json::array({name}))) << name;
  }
  EXPECT_FALSE(with("mtu", 575U));
  EXPECT_FALSE(with("mtu", 65536U));
  EXPECT_FALSE(with("keepalive", 65536U));
}

TEST(ConfigMessage, ListsAreBounded) {
  EXPECT_FALSE(with("addresses", Json::Array(9, "10.0.0.1")));
  EXPECT_FALSE(with("routes", Json::Array(129, "10.0.0.0/8")));
  EXPECT_FALSE(with("dns_servers", Json::Array(9, "10.0.0.1")));
  EXPECT_FALSE(with("dns_search", Json::Array(17, "x")));
}

TEST(ConfigMessage, TruncatedAtEveryByteAndMutilatedIsRefusedOrSensible) {
  const auto bytes = encode(whole().to_frame()).value();
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_FALSE(decode_control_frame(ByteView(bytes).first(length)));
  std::mt19937 random(3);
  for (int i = 0; i < 100'000; ++i) {
    auto mutilated = bytes;
    for (unsigned changes = 1 + random() % 4; changes > 0; --changes)
      mutilated[4 + random() % (mutilated.size() - 4)] = static_cast<std::uint8_t>(random());
    const auto frame = decode_control_frame(mutilated);
    const auto message = frame ? ConfigMessage::from(*frame) : std::nullopt;
    if (!message) continue;
    for (const std::string& name : message->dns_search) ASSERT_TRUE(net::is_dns_name(name));
    ASSERT_GE(message->mtu.value_or(576), 576);
  }
}

TEST(ConfigMessage, AcknowledgementsHaveASerial) {
  EXPECT_EQ(acked_serial(config_ack(9)), 9U);
  EXPECT_FALSE(acked_serial({FrameType::kConfigAck, Json::object()}));
  EXPECT_FALSE(acked_serial({FrameType::kConfigAck, {{"serial", "9"}}}));
  EXPECT_FALSE(acked_serial({FrameType::kConfig, {{"serial", 9U}}}));
}

TEST(DnsName, FollowsTheGrammar) {
  for (const char* name :
       {"a", "corp.example", "corp.example.", "_dns.a-b.c1", "xn--bcher-kva.example", "1.a"})
    EXPECT_TRUE(net::is_dns_name(name)) << name;
  EXPECT_TRUE(net::is_dns_name(std::string(63, 'a')));
  EXPECT_FALSE(net::is_dns_name(std::string(64, 'a')));
  EXPECT_FALSE(net::is_dns_name("10.0.0.1"));
  std::string longest;
  for (int i = 0; i < 126; ++i) longest += "a.";
  EXPECT_TRUE(net::is_dns_name(longest + "b"));
  EXPECT_FALSE(net::is_dns_name(longest + "bc"));
}

}  // namespace
}  // namespace tunneld::protocol
