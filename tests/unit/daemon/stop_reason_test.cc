#include "daemon/stop_reason.h"

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/net/file_descriptor.h"

namespace tunneld::daemon {
namespace {

class StopReasonTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::filesystem::exists("/run/systemd/private")) GTEST_SKIP() << "systemd would answer";
    setenv("INVOCATION_ID", "0123456789abcdef0123456789abcdef", 1);
  }
  void TearDown() override {
    unsetenv("INVOCATION_ID");
    unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
  }
};

TEST_F(StopReasonTest, OfWhatIsNoServiceIsThatSomebodyAsked) {
  unsetenv("INVOCATION_ID");
  EXPECT_EQ(stop_reason(), StopReason::kAsked);
}

// A kill switch stays closed then.
TEST_F(StopReasonTest, WithoutABusIsUnknown) {
  setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
  EXPECT_EQ(stop_reason(), StopReason::kUnknown);
}

TEST_F(StopReasonTest, OfABusThatHangsIsUnknownSoon) {
  const net::FileDescriptor bus(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string abstract = "tunneld-stop-reason-" + std::to_string(getpid());
  abstract.copy(name.sun_path + 1, sizeof name.sun_path - 1);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + abstract.size());
  ASSERT_EQ(::bind(bus.get(), reinterpret_cast<const sockaddr*>(&name), length), 0);
  ASSERT_EQ(::listen(bus.get(), 1), 0);
  setenv("DBUS_SYSTEM_BUS_ADDRESS", ("unix:abstract=" + abstract).c_str(), 1);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(stop_reason(std::chrono::milliseconds(50)), StopReason::kUnknown);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

}  // namespace
}  // namespace tunneld::daemon
