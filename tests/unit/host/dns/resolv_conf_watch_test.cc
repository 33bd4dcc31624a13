#include "daemon/host/dns/resolv_conf_watch.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/unit/host/run_directory_fixture.h"

namespace tunneld::daemon {
namespace {

namespace fs = std::filesystem;
using Notice = ResolvConfWatch::Notice;

/// inotify's notices are there as soon as the call that causes them returns: nothing waits.
class ResolvConfWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(etc_);
    write_file(path_, "nameserver 192.168.1.1\n");
  }
  void start() {
    EXPECT_TRUE(watch_.watch({path_}));
    EXPECT_EQ(watch_.read(), Notice::kNone);
  }
  /// As HostWatch does after each.
  Notice notice() {
    const Notice notice = watch_.read();
    watch_.watch({path_});
    return notice;
  }
  static void rename_over(const fs::path& path) {
    write_file(path.string() + ".new", "nameserver 192.168.1.2\n");
    fs::rename(path.string() + ".new", path);
  }
  static void link_over(const fs::path& target, const fs::path& path) {
    fs::create_symlink(target, path.string() + ".new");
    fs::rename(path.string() + ".new", path);
  }

  TemporaryRunDirectory directory_;
  fs::path etc_ = directory_.path() / "etc";
  fs::path path_ = etc_ / "resolv.conf";
  ResolvConfWatch watch_;
};

TEST_F(ResolvConfWatchTest, AFileThatIsReplacedOrWrittenIsNoticedEachTime) {
  start();
  for (int i = 0; i < 2; ++i) {
    rename_over(path_);
    EXPECT_EQ(notice(), Notice::kDone);
    write_file(path_, "nameserver 192.168.1.3\n");
    EXPECT_EQ(notice(), Notice::kDone);
    EXPECT_EQ(notice(), Notice::kNone);
  }
}

TEST_F(ResolvConfWatchTest, OtherFilesAndReadersAreNot) {
  start();
  write_file(etc_ / "hosts", "127.0.0.1 localhost\n");
  rename_over(etc_ / "resolv.conf.bak");
  EXPECT_NE(read_file(path_), "");
  EXPECT_EQ(notice(), Notice::kNone);
}

TEST_F(ResolvConfWatchTest, WhatIsRemovedOrBegunIsNotFinished) {
  start();
  fs::remove(path_);
  EXPECT_EQ(notice(), Notice::kUnfinished);
  {
    std::ofstream writer(path_);
    EXPECT_EQ(notice(), Notice::kUnfinished);
    writer << "nameserver 192.168.1.3\n";
  }
  EXPECT_EQ(notice(), Notice::kDone);
}

TEST_F(ResolvConfWatchTest, EachLinkOnTheWayAndTheFileAtItsEndAreFollowed) {
  const fs::path one = directory_.path() / "one";
  const fs::path two = directory_.path() / "two";
  fs::create_directory(one);
  fs::create_directory(two);
  write_file(two / "file", "nameserver 192.168.1.1\n");
  fs::create_symlink("../two/file", one / "link");
  fs::remove(path_);
  fs::create_symlink("../one/link", path_);
  start();
  rename_over(two / "file");
  EXPECT_EQ(notice(), Notice::kDone);
  // Led elsewhere, in the middle; and then the old end is of no interest any more.
  write_file(one / "file", "nameserver 192.168.1.4\n");
  EXPECT_EQ(notice(), Notice::kNone);
  link_over("file", one / "link");
  EXPECT_EQ(notice(), Notice::kDone);
  rename_over(two / "file");
  EXPECT_EQ(notice(), Notice::kNone);
  rename_over(one / "file");
  EXPECT_EQ(notice(), Notice::kDone);
  // A file in the first link's place.
  rename_over(path_);
  EXPECT_EQ(notice(), Notice::kDone);
  rename_over(one / "file");
  EXPECT_EQ(notice(), Notice::kNone);
}

TEST_F(ResolvConfWatchTest, ADirectoryThatComesLaterIsFollowed) {
  fs::remove(path_);
  fs::create_symlink("../run/resolvconf/resolv.conf", path_);
  start();
  fs::create_directory(directory_.path() / "run");
  EXPECT_EQ(notice(), Notice::kDone);
  fs::create_directory(directory_.path() / "run/resolvconf");
  EXPECT_EQ(notice(), Notice::kDone);
  write_file(directory_.path() / "run/resolvconf/resolv.conf", "nameserver 192.168.1.1\n");
  EXPECT_EQ(notice(), Notice::kDone);
  fs::remove_all(directory_.path() / "run");
  EXPECT_EQ(notice(), Notice::kUnfinished);
}

TEST_F(ResolvConfWatchTest, LinksInACircleEnd) {
  fs::remove(path_);
  fs::create_symlink("other", path_);
  fs::create_symlink("resolv.conf", etc_ / "other");
  start();
  rename_over(path_);
  EXPECT_EQ(notice(), Notice::kDone);
}

TEST_F(ResolvConfWatchTest, AFileThatIsAMountOfItsOwnIsWatchedItself) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: a mount";
  const fs::path behind = directory_.path() / "behind";
  write_file(behind, "nameserver 192.168.1.1\n");
  ASSERT_EQ(mount(behind.c_str(), path_.c_str(), nullptr, MS_BIND, nullptr), 0);
  start();
  write_file(behind, "nameserver 192.168.1.2\n");
  EXPECT_EQ(notice(), Notice::kDone);
  write_file(path_, "nameserver 192.168.1.3\n");
  EXPECT_EQ(notice(), Notice::kDone);
  umount(path_.c_str());
}

TEST_F(ResolvConfWatchTest, WatchingNothingIsSilent) {
  start();
  EXPECT_FALSE(watch_.watch({}));
  rename_over(path_);
  EXPECT_EQ(watch_.read(), Notice::kNone);
}

}  // namespace
}  // namespace tunneld::daemon
