#include "daemon/host/dns/resolvconf.h"

#include <chrono>
#include <filesystem>
#include <system_error>

#include <gtest/gtest.h>
#include <sys/mount.h>

#include "tests/unit/host/own_etc_fixture.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

/// With a /run of its own.
class ResolvconfTest : public OwnEtcTest {
 protected:
  void SetUp() override {
    OwnEtcTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_EQ(mount("run", "/run", "tmpfs", 0, nullptr), 0);
    has_run_ = true;
  }
  void TearDown() override {
    if (has_run_) umount2("/run", MNT_DETACH);
    OwnEtcTest::TearDown();
  }
  bool has_run_ = false;
};

TEST_F(ResolvconfTest, WithTheProgramItsRecordGoes) {
  const auto remove = [] { remove_from_resolvconf("/usr/sbin/no-resolvconf", "tun.tun0", {}, kFile, 60s); };
  EXPECT_NO_THROW(remove());
  const std::string directory = "/run/resolvconf/interface/";
  std::filesystem::create_directories(directory);
  write_file(directory + "tun.tun0", "nameserver 10.8.0.1\n");
  write_file(directory + "eth0.dhclient", "nameserver 192.168.1.1\n");
  EXPECT_NO_THROW(remove());
  EXPECT_FALSE(std::filesystem::exists(directory + "tun.tun0"));
  EXPECT_TRUE(std::filesystem::exists(directory + "eth0.dhclient"));
  // One that is there and does not work may still do it.
  write_file(directory + "tun.tun0", "nameserver 10.8.0.1\n");
  EXPECT_THROW(remove_from_resolvconf("/bin/false", "tun.tun0", {}, kFile, 60s), std::system_error);
}

}  // namespace
}  // namespace tunneld::daemon
