// Routing tables by name, from files as iproute2 writes them.

#include "config/table_names.h"

#include <filesystem>
#include <string>
#include <system_error>

#include <gtest/gtest.h>
#include <unistd.h>

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

TEST(RoutingTable, AFileThatCannotBeReadIsNotOneWithoutTheName) {
  const TemporaryFiles files;
  const std::string file = files.write("rt_tables", "7 vpn\n");
  EXPECT_EQ(find_routing_table("vpn", {file}), 7U);
  std::filesystem::permissions(files.path(""), std::filesystem::perms(0755));
  std::filesystem::permissions(file, std::filesystem::perms(0200));
  std::filesystem::create_symlink("loop", files.path("loop"));
  constexpr uid_t kNobody = 65534;
  const uid_t before = ::geteuid();
  // Root may read everything.
  if (before == 0) {
    ASSERT_EQ(::seteuid(kNobody), 0);
  }
  const auto words_of = [&files](const std::string& path) -> std::string {
    try {
      return std::to_string(find_routing_table("vpn", {files.path("absent"), path}).value_or(0));
    } catch (const std::system_error& error) {
      return error.what();
    }
  };
  const std::string unreadable = words_of(file);
  const std::string loop = words_of(files.path("loop"));
  ASSERT_EQ(::seteuid(before), 0);
  EXPECT_EQ(unreadable, file + ": Permission denied");
  EXPECT_EQ(loop, files.path("loop") + ": Too many levels of symbolic links");
}

}  // namespace
}  // namespace tunneld::config
