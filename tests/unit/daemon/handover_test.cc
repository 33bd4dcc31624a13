#include "daemon/handover.h"

#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/crypto/keys.h"
#include "daemon/host/run_directory.h"
#include "tests/unit/addresses.h"
#include "tests/unit/host/run_directory_fixture.h"

namespace tunneld::daemon {
namespace {

crypto::PublicKey some_key(std::uint8_t byte) {
  std::array<std::uint8_t, 32> bytes{};
  bytes.fill(byte);
  return crypto::PublicKey(bytes);
}

Handover some_handover() {
  Handover handover;
  handover.port = 41234;
  handover.places = {{some_key(1), *net::SocketAddress::parse("192.0.2.1:51820"), true},
                     {some_key(2), *net::SocketAddress::parse("[2001:db8::2]:4000"), false}};
  protocol::ConfigMessage message{.serial = 7,
                                  .refusal = std::nullopt,
                                  .addresses = {*net::IpAddress::parse("10.8.0.9")},
                                  .routes = {prefix("10.20.0.0/16"), prefix("::/0")},
                                  .dns_servers = {*net::IpAddress::parse("10.8.0.1")},
                                  .dns_search = {"example.net"},
                                  .mtu = 1300,
                                  .keepalive = 20,
                                  .lifetime = 3600};
  handover.configuration = {.server = some_key(1),
                            .instance = 0xfedcba9876543210,
                            .message = message,
                            .until = Instant(std::chrono::hours(5))};
  return handover;
}

TEST(Handover, IsReadAsItWasWritten) {
  const Handover handover = some_handover();
  EXPECT_EQ(handover_from(*Json::parse(to_json(handover).dump())), handover);
  EXPECT_EQ(handover_from(*Json::parse(to_json(Handover{}).dump())), Handover{});
}

TEST(Handover, OfAnotherShapeIsNone) {
  for (const char* text :
       {"[]", "{}", R"({"places":1,"port":1})", R"({"places":[]})", R"({"places":[{"peer":"x"}],"port":1})",
        R"({"places":[],"port":1,"configuration":{}})",
        R"({"places":[],"port":1,"configuration":{"server":"","instance":1,"message":{}}})"}) {
    EXPECT_FALSE(handover_from(*Json::parse(text)).has_value()) << text;
  }
  const auto without = handover_from(*Json::parse(R"({"port":1,"places":[{"peer":"","address":""}]})"));
  ASSERT_TRUE(without.has_value());
  EXPECT_TRUE(without->places.empty());
}

class HandoverFileTest : public ::testing::Test {
 protected:
  TemporaryRunDirectory directory_;
};

TEST_F(HandoverFileTest, IsForTheNextRunOfThisBoot) {
  HandoverFile file("tun0");
  EXPECT_FALSE(file.load().has_value());
  file.save(some_handover());
  EXPECT_EQ(HandoverFile("tun0").load(), some_handover());

  std::ifstream written(handover_path("tun0"));
  std::string text{std::istreambuf_iterator<char>(written), {}};
  text.replace(text.find(R"("boot":")") + 8, 4, "0000");
  std::ofstream(handover_path("tun0")) << text;
  EXPECT_FALSE(HandoverFile("tun0").load().has_value()) << "of an earlier boot";

  file.remove();
  EXPECT_FALSE(std::filesystem::exists(handover_path("tun0")));
}

TEST_F(HandoverFileTest, ThatOthersCouldHaveWrittenIsNone) {
  HandoverFile file("tun0");
  file.save(some_handover());
  ASSERT_EQ(chmod(handover_path("tun0").c_str(), 0622), 0);
  EXPECT_FALSE(file.load().has_value());
  std::filesystem::remove(handover_path("tun0"));
  std::filesystem::create_symlink("/etc/passwd", handover_path("tun0"));
  EXPECT_FALSE(file.load().has_value());
}

TEST_F(HandoverFileTest, ThatIsDamagedIsNone) {
  std::ofstream(handover_path("tun0")) << "{\"places\":[";
  EXPECT_FALSE(HandoverFile("tun0").load().has_value());
}

}  // namespace
}  // namespace tunneld::daemon
