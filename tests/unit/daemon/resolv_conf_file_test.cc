#include "daemon/resolv_conf_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/daemon/run_directory_fixture.h"

namespace tunneld::daemon {
namespace {

class ResolvConfFileTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path(const char* name = "resolv.conf") const { return directory_.path() / name; }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
      names.push_back(entry.path().filename());
    return names;
  }
  TemporaryRunDirectory directory_;
};

TEST_F(ResolvConfFileTest, IsReplacedAndKeepsItsMode) {
  write_file(path(), "nameserver 192.168.1.1\n");
  chmod(path().c_str(), 0640);
  write_resolv_conf(path(), "nameserver 10.8.0.1\n");
  EXPECT_EQ(read_resolv_conf(path()), "nameserver 10.8.0.1\n");
  struct stat info {};
  ASSERT_EQ(stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640U);
  EXPECT_THAT(names(), ::testing::ElementsAre("resolv.conf"));
}

TEST_F(ResolvConfFileTest, ALinkStaysOneWhetherItLeadsToAFileOrNot) {
  std::filesystem::create_directory(path("run"));
  std::filesystem::create_symlink("run/resolv.conf", path());
  EXPECT_EQ(read_resolv_conf(path()), std::nullopt);
  for (const char* text : {"nameserver 10.8.0.1\n", ""}) {
    write_resolv_conf(path(), text);
    EXPECT_TRUE(std::filesystem::is_symlink(path()));
    EXPECT_EQ(read_file(path("run") + "/resolv.conf"), text);
  }
  remove_resolv_conf(path());
  EXPECT_TRUE(std::filesystem::is_symlink(path()));
  EXPECT_EQ(read_resolv_conf(path()), std::nullopt);
}

TEST_F(ResolvConfFileTest, WhatAKillLeftIsTakenUp) {
  write_file(path(), "a\n");
  write_file(path(".resolv.conf.tunneld"), "half a li");
  write_resolv_conf(path(), "b\n");
  EXPECT_EQ(read_resolv_conf(path()), "b\n");
  EXPECT_THAT(names(), ::testing::ElementsAre("resolv.conf"));
}

TEST_F(ResolvConfFileTest, WhatAKillLeftGoes) {
  write_file(path(), "a\n");
  write_file(path(".resolv.conf.tunneld"), "half a li");
  remove_half_written(path());
  remove_half_written(path());
  EXPECT_THAT(names(), ::testing::ElementsAre("resolv.conf"));
}

TEST_F(ResolvConfFileTest, SaysWhatCannotBeDone) {
  std::filesystem::create_symlink("nowhere/resolv.conf", path());
  EXPECT_THROW(write_resolv_conf(path(), "x\n"), std::system_error);
  write_file(path("large"), std::string(2U << 20, 'x'));
  EXPECT_THROW((void)read_resolv_conf(path("large")), std::system_error);
}

}  // namespace
}  // namespace tunneld::daemon
