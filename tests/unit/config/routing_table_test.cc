// Routing tables by name, from files as iproute2 writes them.

#include "config/routing_table.h"

#include <gtest/gtest.h>

#include "tests/unit/config/temporary_files.h"

namespace tunneld::config {
namespace {

TEST(RoutingTable, KnowsTheKernelsNames) {
  EXPECT_EQ(find_routing_table("main", {}), 254U);
  EXPECT_EQ(find_routing_table("local", {}), 255U);
  EXPECT_EQ(find_routing_table("default", {}), 253U);
  EXPECT_EQ(find_routing_table("vpn", {}), std::nullopt);
}

TEST(RoutingTable, ReadsFilesInTheirOrder) {
  const TemporaryFiles files;
  const std::string first =
      files.write("rt_tables", "#\n255\tlocal\n254 main\n\n 100   vpn # ours\n0x65 office\n#102 off\n");
  const std::string second = files.write("more.conf", "200 vpn\n300 lab\n");
  const std::vector<std::string> order{files.path("absent"), first, second, files.path("")};
  EXPECT_EQ(find_routing_table("vpn", order), 100U);
  EXPECT_EQ(find_routing_table("office", order), 101U);
  EXPECT_EQ(find_routing_table("lab", order), 300U);
  EXPECT_EQ(find_routing_table("off", order), std::nullopt);
  EXPECT_EQ(find_routing_table("", order), std::nullopt);
}

TEST(RoutingTable, PassesOverLinesThatMakeNoSense) {
  const TemporaryFiles files;
  const std::string file = files.write("rt_tables", "x vpn\n99999999999 vpn\n-1 vpn\nvpn 5\n5\n7 vpn\n");
  EXPECT_EQ(find_routing_table("vpn", {file}), 7U);
}

}  // namespace
}  // namespace tunneld::config
