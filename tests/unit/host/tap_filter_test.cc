#include "daemon/host/changes/tap_filter.h"

#include <gmock/gmock.h>

#include "daemon/host/changes/nft_table.h"
#include "tests/unit/host/kept_device_fixture.h"

namespace tunneld::daemon {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string& warnings() {
  static std::string lines;
  return lines;
}

/// Of a filter at this tap, which is made.
std::string warnings_of(const char* tap) {
  net::shell(std::string("ip tuntap add dev ") + tap + " mode tap");
  warnings().clear();
  log::set_sink([](log::Level, std::string_view line) { warnings().append(line) += '\n'; });
  log::set_level(log::Level::kWarning);
  net::Netlink netlink;
  TapFilter{.interface = {tap}}.apply(netlink);
  log::set_level(log::Level::kOff);
  log::set_sink(nullptr);
  return warnings();
}

class TapFilterTest : public KeptDeviceTest {};

TEST_F(TapFilterTest, ASecondTapOfTheSameMarkIsNamed) {
  ASSERT_EQ(peers_mark("tap12"), peers_mark("tap21"));
  net::shell("ip tuntap add dev tap21 mode tap");
  EXPECT_THAT(warnings_of("tap12"), IsEmpty()) << "tap21 has no such filter";
  EXPECT_THAT(warnings_of("tap13"), IsEmpty());
  net::shell("ip link del tap21");
  EXPECT_THAT(warnings_of("tap21"), AllOf(HasSubstr("tap21 and tap12"), HasSubstr("0x1")));
}

}  // namespace
}  // namespace tunneld::daemon
