#include "daemon/service_watch.h"

#include <gtest/gtest.h>

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

TEST(StatusLine, CountsThoseThatAreConnected) {
  EXPECT_EQ(status_line("tun0", {{.name = "a", .up = true}, {.name = "b"}}), "tun0: 1 of 2 peers connected");
  EXPECT_EQ(status_line("tun0", {{.name = "a"}}), "tun0: 0 of 1 peer connected");
}

TEST(StatusLine, NamesWhoIsMissedMostRecently) {
  EXPECT_EQ(status_line("tun0", {{.name = "a", .up = true, .silent_for = 1s},
                                 {.name = "office", .silent_for = 12s},
                                 {.name = "c", .silent_for = 3min}}),
            "tun0: 1 of 3 peers connected; office last seen 12 s ago");
}

TEST(StatusLine, AgesGetCoarser) {
  EXPECT_EQ(status_line("tun0", {{.name = "a", .silent_for = 179s}}),
            "tun0: 0 of 1 peer connected; a last seen 2 min ago");
  EXPECT_EQ(status_line("tun0", {{.name = "a", .silent_for = 73h}}),
            "tun0: 0 of 1 peer connected; a last seen 3 days ago");
}

}  // namespace
}  // namespace tunneld::daemon
