// systemd-resolved behind a system bus that does not answer.
#include "daemon/host/dns/resolved.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/net/file_descriptor.h"
#include "tests/unit/host/run_directory_fixture.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

TEST(Resolved, ABusThatHangsIsWaitedForBriefly) {
  const TemporaryRunDirectory directory;
  const std::string path = directory.path() / "bus";
  const net::FileDescriptor bus(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(bind(bus.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(bus.get(), 8), 0);
  setenv("DBUS_SYSTEM_BUS_ADDRESS", ("unix:path=" + path).c_str(), 1);
  const auto begun = std::chrono::steady_clock::now();
  try {
    (void)resolved_link_stands(1, {}, {}, true);
    ADD_FAILURE() << "answered";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::timed_out) << error.what();
    EXPECT_THAT(error.what(), ::testing::StartsWith("systemd-resolved: "));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 15s);
  unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

}  // namespace
}  // namespace tunneld::daemon
