// The frame ACCEPTS: what is written into it, and what is read from one of a peer that may be broken.
#include "daemon/accepted_sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/protocol/constants.h"
#include "tests/unit/addresses.h"
#include "tests/unit/daemon/tunnel_driver_fixture.h"

namespace tunneld::daemon {
namespace {

using ::testing::ElementsAre;

TEST(AcceptsFrame, IsReadAsItWasWritten) {
  const std::vector<net::IpPrefix> networks{prefix("10.9.0.1/32"), prefix("fd00::/64"), prefix("0.0.0.0/0")};
  const auto bytes = protocol::encode(accepts_frame(networks));
  ASSERT_TRUE(bytes);
  const auto frame = protocol::decode_control_frame(*bytes);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, protocol::FrameType::kAccepts);
  EXPECT_EQ(accepts_from(frame->body), (Accepts{.networks = networks, .more = false}));
  EXPECT_EQ(accepts_from(accepts_frame({}).body), Accepts());
}

TEST(AcceptsFrame, SaysThatThereAreMoreThanFit) {
  std::vector<net::IpPrefix> networks;
  for (int i = 0; i < 400; ++i)
    networks.push_back(prefix(("2001:db8:aaaa:bbbb:cccc:dddd:eeee:" + std::to_string(i) + "/128").c_str()));
  const protocol::ControlFrame frame = accepts_frame(networks);
  const auto bytes = protocol::encode(frame);
  ASSERT_TRUE(bytes) << "within the limit of a frame";
  EXPECT_GT(bytes->size(), protocol::kMaxControlFrame * 3 / 4);
  const auto accepts = accepts_from(frame.body);
  ASSERT_TRUE(accepts);
  EXPECT_TRUE(accepts->more);
  EXPECT_TRUE(std::ranges::equal(accepts->networks, std::span(networks).first(accepts->networks.size())));
}

TEST(AcceptsFrame, IsRefusedAsAWholeForOneBadValue) {
  EXPECT_EQ(accepts_from(Json::object()), std::nullopt);
  EXPECT_EQ(accepts_from({{"networks", "10.0.0.0/8"}}), std::nullopt);
  for (const Json& bad : {Json("10.0.0.1/8"), Json("everything"), Json("10.0.0.0/33"), Json(1), Json()})
    EXPECT_EQ(accepts_from({{"networks", Json::array({"10.9.0.1/32", bad})}}), std::nullopt) << bad;
  EXPECT_EQ(accepts_from({{"networks", Json::array()}, {"more", 1}}), std::nullopt);
  EXPECT_EQ(accepts_from({{"networks", Json::array()}, {"later", 1}}), Accepts())
      << "unknown keys are ignored";
}

class AcceptedSourcesTest : public TunnelDriverFixture {};

TEST_F(AcceptedSourcesTest, KnowNothingOfAPeerThatHasSaidNothing) {
  AcceptedSources sources(*tunnel_, *driver_);
  const config::PeerConfig peer = driven_peer("a");
  driver_->set_peers({{.config = peer}});
  sources.peers_changed();
  EXPECT_TRUE(sources.status(*tunnel_->find_peer(peer.public_key.value)).is_null());
}

}  // namespace
}  // namespace tunneld::daemon
