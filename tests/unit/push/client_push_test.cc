#include "daemon/push/client_push.h"

#include <gtest/gtest.h>

#include "tests/unit/addresses.h"

namespace tunneld::daemon {
namespace {

TEST(ClientPush, ARefusedPieceOfARouteLeavesTheWholeRouteOut) {
  ClientPush::Held held;
  held.accepted.routes = {prefix("0.0.0.0/0"), prefix("10.20.0.0/16")};
  // Set around what is local (HostPlan).
  const RouteAdded piece{.interface = {"tun0"}, .destination = prefix("128.0.0.0/2"), .table = 7};
  EXPECT_TRUE(ClientPush::leave_out(held, {HostChange(piece), "File exists"}));
  EXPECT_EQ(held.accepted.routes, std::vector{prefix("10.20.0.0/16")});
  EXPECT_EQ(held.left_out.routes, std::vector{prefix("0.0.0.0/0")});

  const RouteAdded own{.interface = {"tun0"}, .destination = prefix("192.0.2.0/24")};
  EXPECT_FALSE(ClientPush::leave_out(held, {HostChange(own), "File exists"})) << "of no server";
}

}  // namespace
}  // namespace tunneld::daemon
