#include "common/net/holder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/net/tun_device.h"
#include "common/net/udp_socket.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::net {
namespace {

std::string this_process() {
  return "(pid " + std::to_string(getpid()) + ")";
}

TEST(Holder, TheProcessWithAUdpPortIsNamed) {
  const std::vector<UdpSocket> sockets = open_udp_sockets({});
  EXPECT_THAT(holder_of_udp_port(sockets.front().port()), testing::EndsWith(this_process()));
  EXPECT_EQ(holder_of_udp_port(1), "");
  // Who may not look any more still knows, of this one alone.
  remember_holders(sockets.front().port(), "");
  if (::geteuid() == 0) {
    ASSERT_EQ(::seteuid(65534), 0);
    const std::string later = holder_of_udp_port(sockets.front().port());
    const std::string other = holder_of_udp_port(1);
    ASSERT_EQ(::seteuid(0), 0);
    EXPECT_THAT(later, testing::EndsWith(this_process()));
    EXPECT_EQ(other, "");
  }
  remember_holders(0, "");
}

TEST(Holder, AnErrorAboutATakenPortNamesItsHolder) {
  const std::vector<UdpSocket> sockets = open_udp_sockets({});
  try {
    (void)open_udp_sockets({.port = sockets.front().port()});
    ADD_FAILURE() << "two have one port";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(this_process() + ": set another listen_port"));
  }
}

TEST(Holder, TheProcessWithATunDeviceIsNamed) {
  const NetworkNamespace place;
  if (!place.works()) GTEST_SKIP() << "needs root";
  const TunDevice device({.name = "held0"});
  EXPECT_THAT(holder_of_tun_device("held0"), testing::EndsWith(this_process()));
  EXPECT_EQ(holder_of_tun_device("held1"), "");
}

TEST(Holder, AnErrorAboutATakenNameEndsWithTheFix) {
  const NetworkNamespace place;
  if (!place.works()) GTEST_SKIP() << "needs root";
  shell("ip link add taken0 type veth peer name taken1");
  const TunDevice device({.name = "held0"});
  const auto refusal = [](const char* name) -> std::string {
    try {
      const TunDevice second({.name = name});
      return "made";
    } catch (const TunError& error) {
      return error.what();
    }
  };
  EXPECT_THAT(refusal("taken0"), testing::EndsWith("choose another name"));
  EXPECT_THAT(refusal("held0"), testing::AllOf(testing::HasSubstr(this_process() + " has it open"),
                                               testing::EndsWith("choose another name")));
}

}  // namespace
}  // namespace tunneld::net
