// What others do to the name servers that HostChanges has set: in a mount namespace with an /etc of its own.
#include <chrono>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include "daemon/host/host_changes.h"
#include "tests/unit/host/own_etc_fixture.h"

namespace tunneld::daemon {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr Instant kStart{1h};

class HostNamesTest : public OwnEtcTest {
 protected:
  void start() {
    host_.emplace("kept");
    host_->become(plan());
    EXPECT_THAT(host_->lacks(), IsEmpty());
  }
};

TEST_F(HostNamesTest, AReplacedFileIsSetAgainAndWhatTheyWroteStaysAtTheEnd) {
  start();
  for (const char* text : {kOthers, "", "nameserver 192.168.1.3"}) {
    replace(text);
    EXPECT_THAT(host_->lacks(), SizeIs(1));
    // The kernel's part has nothing to do with it.
    EXPECT_THAT(host_->repair(kStart, HostChanges::Pauses::kIgnored).put_back, IsEmpty());
    const auto done = repair(kStart, HostChanges::Pauses::kIgnored);
    EXPECT_THAT(done.put_back, ElementsAre(StartsWith("dns 10.8.0.1")));
    EXPECT_EQ(done.by, text == kOthers ? "NetworkManager" : "");
    EXPECT_THAT(host_->lacks(), IsEmpty());
    EXPECT_THAT(read_file(kFile), HasSubstr("\nnameserver 10.8.0.1\n"));
  }
  host_.reset();
  EXPECT_EQ(read_file(kFile), "nameserver 192.168.1.3");
}

TEST_F(HostNamesTest, AnEmptyFileOfOthersStaysWhereThereWasNone) {
  fs::remove(kFile);
  start();
  replace("");
  EXPECT_THAT(repair(kStart).put_back, SizeIs(1));
  host_.reset();
  EXPECT_TRUE(fs::exists(kFile));
  // And one that was removed is ours to remove.
  start();
  fs::remove(kFile);
  EXPECT_THAT(repair(kStart).put_back, SizeIs(1));
  EXPECT_TRUE(fs::exists(kFile));
  host_.reset();
  EXPECT_FALSE(fs::exists(kFile));
}

TEST_F(HostNamesTest, WhoKeepsReplacingItIsAnsweredLessAndLess) {
  start();
  replace(kOthers);
  EXPECT_THAT(repair(kStart).put_back, SizeIs(1));
  Instant last = kStart;
  std::size_t warnings = 0;
  for (const auto pause : {5s, 10s, 20s, 40s, 60s, 60s}) {
    replace(kOthers);
    const auto early = repair(last + 1s);
    EXPECT_THAT(early.put_back, IsEmpty());
    EXPECT_EQ(early.again, last + pause);
    warnings += early.fought_over.size();
    ASSERT_THAT(host_->lacks(), SizeIs(1));
    EXPECT_THAT(host_->lacks().front().in_words(), HasSubstr("again and again"));
    last += pause;
    EXPECT_THAT(repair(last).put_back, SizeIs(1));
    EXPECT_THAT(host_->lacks(), IsEmpty());
  }
  EXPECT_EQ(warnings, 1U);
  // After a time of peace, it is as new.
  EXPECT_THAT(repair(last + 10min).put_back, IsEmpty());
  replace(kOthers);
  EXPECT_THAT(repair(last + 10min).put_back, SizeIs(1));
  replace(kOthers);
  const auto after = repair(last + 10min + 1s);
  EXPECT_EQ(after.again, last + 10min + 5s);
  EXPECT_THAT(after.fought_over, SizeIs(1));
}

TEST_F(HostNamesTest, ALinkThatIsLedElsewhereIsLeftAloneUntilAReload) {
  write_file("/etc/one", "nameserver 192.168.1.1\n");
  write_file("/etc/two", kOthers);
  link_to("one");
  start();
  EXPECT_THAT(read_file("/etc/one"), HasSubstr("10.8.0.1"));
  link_to("two");
  const auto done = repair(kStart);
  EXPECT_THAT(done.put_back, IsEmpty());
  ASSERT_THAT(done.out_of_reach, SizeIs(1));
  EXPECT_EQ(done.out_of_reach.front().standing, Standing::kOthersKeep);
  EXPECT_EQ(done.by, "NetworkManager");
  EXPECT_FALSE(done.again);
  EXPECT_THAT(repair(kStart + 5s).out_of_reach, IsEmpty());
  EXPECT_EQ(read_file("/etc/two"), kOthers);
  // Led back, all is as before.
  link_to("one");
  EXPECT_THAT(host_->lacks(), IsEmpty());
  link_to("two");
  EXPECT_THAT(repair(kStart + 10s, HostChanges::Pauses::kIgnored).put_back, SizeIs(1));
  EXPECT_EQ(read_file("/etc/one"), "nameserver 192.168.1.1\n");
  EXPECT_THAT(read_file("/etc/two"), HasSubstr("10.8.0.1"));
  link_to("one");
  host_.reset();
  EXPECT_EQ(read_file("/etc/two"), kOthers);
}

TEST_F(HostNamesTest, AFileInALinksPlaceIsAWriteLikeOthers) {
  write_file("/etc/one", "nameserver 192.168.1.1\n");
  link_to("one");
  start();
  replace(kOthers);
  EXPECT_THAT(repair(kStart).put_back, SizeIs(1));
  EXPECT_EQ(read_file("/etc/one"), "nameserver 192.168.1.1\n");
  EXPECT_THAT(read_file(kFile), HasSubstr("10.8.0.1"));
  host_.reset();
  EXPECT_EQ(read_file(kFile), kOthers);
}

TEST_F(HostNamesTest, WhatCannotBePutBackIsSaidOnceAndTriedAgain) {
  start();
  replace(kOthers);
  set_read_only(true);
  // Under systemd, it is lent to us in a moment.
  const auto early = repair(kStart);
  EXPECT_THAT(early.refused, IsEmpty());
  EXPECT_EQ(early.again, kStart + 500ms);
  const auto late = repair(kStart + 3s);
  ASSERT_THAT(late.refused, SizeIs(1));
  EXPECT_THAT(late.refused.front().why, HasSubstr("Read-only file system"));
  EXPECT_EQ(late.again, kStart + 8s);
  EXPECT_THAT(repair(kStart + 8s).refused, IsEmpty());
  set_read_only(false);
  EXPECT_THAT(repair(kStart + 18s).put_back, SizeIs(1));
  host_.reset();
  EXPECT_EQ(read_file(kFile), kOthers);
}

TEST_F(HostNamesTest, WhatCouldNotBeSetAtStartIsNamedWithItsReasonAndTriedAgainLessAndLess) {
  set_read_only(true);
  host_.emplace("kept");
  host_->become(plan());
  const auto is_named = [this] {
    const auto lacks = host_->lacks();
    return lacks.size() == 1 && lacks.front().in_words() ==
                                    "dns 10.8.0.1 for all names dev kept (cannot be done: /etc/resolv.conf: "
                                    "Read-only file system)";
  };
  EXPECT_TRUE(is_named());
  EXPECT_THAT(host_->names_places(), ElementsAre(kFile));
  // It was tried just now.
  auto done = repair(kStart, HostChanges::Pauses::kIgnored);
  EXPECT_EQ(done.again, kStart + 5s);
  Instant now = kStart;
  // The first seconds of a file that we may not write to are those until it is lent to us.
  for (const auto pause : {5s, 0s, 10s, 20s, 40s, 60s, 60s}) {
    now += pause == 0s ? 3s : pause;
    done = repair(now);
    EXPECT_THAT(done.refused, IsEmpty());
    EXPECT_THAT(done.fought_over, IsEmpty());
    EXPECT_TRUE(is_named());
    EXPECT_GT(done.again, now);
  }
  set_read_only(false);
  done = repair(*done.again);
  EXPECT_THAT(done.made, ElementsAre(StartsWith("dns 10.8.0.1")));
  EXPECT_THAT(done.put_back, IsEmpty());
  EXPECT_THAT(host_->lacks(), IsEmpty());
  EXPECT_THAT(read_file(kFile), HasSubstr("\nnameserver 10.8.0.1\n"));
  // From then on it is as any other.
  replace(kOthers);
  EXPECT_THAT(repair(now + 10min).put_back, SizeIs(1));
  host_.reset();
  EXPECT_EQ(read_file(kFile), kOthers);
}

TEST_F(HostNamesTest, ServersThatCouldNotTakeTheOldOnesPlaceAreTriedAgain) {
  start();
  set_read_only(true);
  host_->become(plan("10.8.0.2"));
  ASSERT_THAT(host_->lacks(), SizeIs(1));
  EXPECT_THAT(host_->lacks().front().in_words(), StartsWith("dns 10.8.0.2 for all names dev kept (cannot"));
  // Once more is nothing new.
  host_->become(plan("10.8.0.2"));
  EXPECT_EQ(repair(kStart).again, kStart + 5s);
  set_read_only(false);
  EXPECT_THAT(repair(kStart + 5s).made, ElementsAre(StartsWith("dns 10.8.0.2")));
  EXPECT_THAT(host_->lacks(), IsEmpty());
  EXPECT_THAT(read_file(kFile), HasSubstr("\nnameserver 10.8.0.2\n"));
  host_->become(plan());
  EXPECT_THAT(read_file(kFile), HasSubstr("\nnameserver 10.8.0.1\n"));
  host_.reset();
  EXPECT_EQ(read_file(kFile), "nameserver 192.168.1.1\n");
}

TEST_F(HostNamesTest, WhatCouldNotBeSetIsForgottenWhenNobodyWantsItAnyMore) {
  set_read_only(true);
  host_.emplace("kept");
  host_->become(plan());
  host_->become(plan("10.8.0.2"));
  ASSERT_THAT(host_->lacks(), SizeIs(1));
  EXPECT_THAT(host_->lacks().front().what, StartsWith("dns 10.8.0.2"));
  host_->become({});
  EXPECT_THAT(host_->lacks(), IsEmpty());
  EXPECT_THAT(host_->names_places(), IsEmpty());
  set_read_only(false);
  EXPECT_FALSE(repair(kStart).again);
}

TEST_F(HostNamesTest, WhatANewKeeperDoesNotTakeIsTriedAgain) {
  write_file("/etc/one", "nameserver 192.168.1.1\n");
  link_to("one");
  start();
  link_to("two/resolv.conf");
  const auto done = repair(kStart, HostChanges::Pauses::kIgnored);
  EXPECT_THAT(done.refused, SizeIs(1));
  EXPECT_EQ(read_file("/etc/one"), "nameserver 192.168.1.1\n");
  ASSERT_THAT(host_->lacks(), SizeIs(1));
  EXPECT_THAT(host_->lacks().front().in_words(), HasSubstr("(cannot be done: /etc/two/resolv.conf: No such"));
  fs::create_directory("/etc/two");
  EXPECT_EQ(done.again, kStart + 5s);
  EXPECT_THAT(repair(kStart + 5s).made, SizeIs(1));
  EXPECT_THAT(read_file("/etc/two/resolv.conf"), HasSubstr("10.8.0.1"));
  host_.reset();
  EXPECT_FALSE(fs::exists("/etc/two/resolv.conf"));
}

TEST_F(HostNamesTest, EachFailedTryOfAProgramIsTakenBackBeforeTheNext) {
  install_resolvconf("exit 1");
  host_.emplace("kept");
  host_->become(plan());
  auto done = repair(kStart);
  for (int i = 0; i < 3; ++i) done = repair(done.again.value());
  ASSERT_THAT(host_->lacks(), SizeIs(1));
  EXPECT_THAT(host_->lacks().front().in_words(), HasSubstr("resolvconf -d: exit code 1"));
  install_resolvconf("echo $1 >> /etc/calls; exit 0");
  EXPECT_THAT(repair(done.again.value()).made, SizeIs(1));
  EXPECT_EQ(read_file("/etc/calls"), "-d\n-a\n");
  host_.reset();
  EXPECT_EQ(read_file("/etc/calls"), "-d\n-a\n-d\n");
}

TEST_F(HostNamesTest, AFileThatCannotBeWrittenKeepsNoLinesInTheOther) {
  fs::create_directory("/etc/one");
  ASSERT_EQ(mount("one", "/etc/one", "tmpfs", 0, nullptr), 0);
  write_file("/etc/one/resolv.conf", "nameserver 192.168.1.1\n");
  link_to("one/resolv.conf");
  start();
  // Somebody has made a copy.
  write_file("/etc/two", read_file("/etc/one/resolv.conf"));
  link_to("two");
  ASSERT_EQ(mount(nullptr, "/etc/one", nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  host_.reset();
  EXPECT_EQ(read_file("/etc/two"), "nameserver 192.168.1.1\n");
  EXPECT_THAT(read_file("/etc/one/resolv.conf"), HasSubstr("10.8.0.1"));
  EXPECT_TRUE(fs::exists(directory_.path() / "kept.journal"));
  umount2("/etc/one", MNT_DETACH);
}

TEST_F(HostNamesTest, NoAnswerIsNothingMissingUntilItHasLasted) {
  start();
  // Larger than any: it cannot be seen what stands there.
  const std::string large(2U << 20, 'x');
  replace(large);
  EXPECT_THAT(host_->lacks(kStart), IsEmpty());
  EXPECT_THAT(host_->lacks(kStart + 4s), IsEmpty());
  const auto done = repair(kStart + 4s);
  EXPECT_THAT(done.out_of_reach, IsEmpty());
  ASSERT_TRUE(done.again);
  ASSERT_THAT(host_->lacks(kStart + 5s), SizeIs(1));
  EXPECT_THAT(host_->lacks(kStart + 5s).front().in_words(), HasSubstr("does not answer"));
  EXPECT_THAT(repair(*done.again).out_of_reach, SizeIs(1));
  // An answer in between, and it begins anew.
  replace("nameserver 192.168.1.3\n");
  EXPECT_THAT(repair(kStart + 20s).put_back, SizeIs(1));
  replace(large);
  EXPECT_THAT(host_->lacks(kStart + 30s), IsEmpty());
  replace("");
}

TEST_F(HostNamesTest, AfterAKillTheJournalKnowsWhereTheyWere) {
  write_file("/etc/one", "nameserver 192.168.1.1\n");
  link_to("one");
  EXPECT_EQ(in_killed_process([] {
              HostChanges host("kept");
              host.become(plan());
              link_to("two");
              write_file("/etc/two", kOthers);
              (void)host.repair(kStart, HostChanges::Pauses::kIgnored, HostChanges::Part::kNames);
              replace("nameserver 192.168.1.7\n");
              (void)host.repair(kStart + 5s, HostChanges::Pauses::kIgnored, HostChanges::Part::kNames);
              link_to("one");
              return 0;
            }),
            0);
  { const HostChanges host("kept"); }
  EXPECT_EQ(read_file("/etc/one"), "nameserver 192.168.1.1\n");
  EXPECT_EQ(read_file("/etc/two"), kOthers);
}

}  // namespace
}  // namespace tunneld::daemon
