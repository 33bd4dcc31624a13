#include "daemon/commands/cleanup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>

#include "daemon/host/host_changes.h"
#include "daemon/host/interface_lock.h"
#include "daemon/host/journal_owner.h"
#include "tests/unit/commands/every_change.h"
#include "tests/unit/host/kept_device_fixture.h"

namespace tunneld::daemon {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class CleanupTest : public KeptDeviceTest {
 protected:
  /// Its exit code; what it printed is in said_.
  ExitCode clean(const std::string& interface = "") {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const ExitCode code = clean_up(interface);
    said_ = ::testing::internal::GetCapturedStdout() + ::testing::internal::GetCapturedStderr();
    return code;
  }
  std::string said_;
};

void be_killed_while_up() {
  ASSERT_EQ(in_killed_process([] {
              new auto(InterfaceLock::take("kept"));
              auto* host = new HostChanges("kept");
              for (const HostChange& change : everything()) host->make(change);
              return 0;
            }),
            0);
}

TEST_F(CleanupTest, UndoesWhatAKilledRunLeft) {
  const std::string before = host_state();
  for (const char* interface : {"", "kept"}) {
    be_killed_while_up();
    EXPECT_EQ(clean(interface), ExitCode::kFine);
    EXPECT_THAT(said_, HasSubstr("kept: 14 changes undone"));
    EXPECT_EQ(host_state(), before);
  }
}

/// What a killed run has changed here, after a start in another network namespace has found its journal.
class CleanupOfWhatWasSetAside : public CleanupTest {
 protected:
  void SetUp() override {
    CleanupTest::SetUp();
    if (IsSkipped()) return;
    before_ = host_state();
    be_killed_while_up();
    std::string here = JournalOwner::self().network_namespace;
    std::erase_if(here, [](char c) { return c < '0' || c > '9'; });
    aside_ = "kept@" + here;
    std::filesystem::rename(directory_.path() / "kept.journal", directory_.path() / (aside_ + ".journal"));
  }
  std::string before_;
  std::string aside_;
};

TEST_F(CleanupOfWhatWasSetAside, FindsItByTheInterface) {
  EXPECT_EQ(clean("other"), ExitCode::kFine);
  EXPECT_THAT(said_, HasSubstr("other: 0 changes undone"));
  EXPECT_EQ(clean("kept"), ExitCode::kFine);
  EXPECT_THAT(said_, HasSubstr(aside_ + ": 14 changes undone"));
  EXPECT_EQ(host_state(), before_);
}

TEST_F(CleanupOfWhatWasSetAside, FindsItWhileTheInterfaceIsUpElsewhere) {
  const WaitingProcess daemon([] {
    if (unshare(CLONE_NEWNET) != 0) _exit(1);
    new auto(InterfaceLock::take("kept"));
    new HostChanges("kept");
  });
  ASSERT_TRUE(daemon.is_ready());
  EXPECT_EQ(clean("kept"), ExitCode::kFine);
  EXPECT_THAT(said_, HasSubstr(aside_ + ": 14 changes undone"));
  EXPECT_EQ(clean("kept"), ExitCode::kRuntimeFailure);
  EXPECT_THAT(said_, HasSubstr("kept is up (process "));
}

TEST_F(CleanupOfWhatWasSetAside, UndoesALaterRunsChangesToo) {
  ASSERT_EQ(in_killed_process([] {
              new auto(InterfaceLock::take("kept"));
              (new HostChanges("kept"))->make(AddressAdded{{"kept"}, prefix("10.8.1.1/24")});
              return 0;
            }),
            0);
  EXPECT_EQ(clean("kept"), ExitCode::kFine);
  EXPECT_THAT(said_, AllOf(HasSubstr(aside_ + ": 14 changes undone"), HasSubstr("kept: 1 change undone")));
  EXPECT_EQ(host_state(), before_);
}

TEST_F(CleanupTest, WithNothingToDoChangesNothingAndIsFine) {
  const std::string before = host_state();
  EXPECT_EQ(clean(), ExitCode::kFine);
  EXPECT_EQ(clean("kept"), ExitCode::kFine);
  setenv("TUNNELD_RUN_DIR", "/nonexistent", 1);
  EXPECT_EQ(clean(), ExitCode::kFine);
  EXPECT_EQ(clean("kept"), ExitCode::kFine);
  setenv("TUNNELD_RUN_DIR", directory_.path().c_str(), 1);
  EXPECT_EQ(host_state(), before);
}

TEST_F(CleanupTest, LeavesALiveDaemonAlone) {
  const WaitingProcess daemon([] {
    new auto(InterfaceLock::take("kept"));
    auto* host = new HostChanges("kept");
    for (const HostChange& change : everything()) host->make(change);
    prctl(PR_SET_NAME, "tunneld");
  });
  ASSERT_TRUE(daemon.is_ready());
  const std::string up = host_state();
  EXPECT_EQ(clean("kept"), ExitCode::kRuntimeFailure);
  EXPECT_THAT(said_, HasSubstr("is up"));
  EXPECT_EQ(clean(), ExitCode::kFine);
  EXPECT_EQ(host_state(), up);
  // Even if somebody deletes the run directory's files from under it.
  std::filesystem::remove(directory_.path() / "kept.lock");
  EXPECT_EQ(clean("kept"), ExitCode::kRuntimeFailure);
  EXPECT_THAT(said_, HasSubstr("process " + std::to_string(daemon.pid())));
  std::filesystem::remove(directory_.path() / "kept.journal");
  EXPECT_EQ(clean(), ExitCode::kFine);
  EXPECT_EQ(output_of("ip route; ip rule; ip address"), output_of("ip route; ip rule; ip address"));
  EXPECT_THAT(output_of("ip rule"), HasSubstr("32700:"));
}

TEST_F(CleanupTest, WithoutAJournalRoutesAndRulesAreFoundByTheirNumber) {
  be_killed_while_up();
  for (const auto& file : std::filesystem::directory_iterator(directory_.path()))
    std::filesystem::remove(file);
  EXPECT_EQ(clean("kept"), ExitCode::kFine);
  EXPECT_THAT(output_of("ip rule"), HasSubstr("32700:"));
  EXPECT_EQ(clean(), ExitCode::kFine);
  EXPECT_THAT(said_, HasSubstr("routes and rules in no journal: 7 removed"));
  const std::string left =
      output_of("ip route show table all; ip -6 route show table all; ip rule; ip -6 rule");
  EXPECT_THAT(left, Not(HasSubstr("proto 215")));
  EXPECT_THAT(left, Not(HasSubstr("3270")));
  // The kernel's own.
  EXPECT_THAT(left, HasSubstr("32766:"));
  EXPECT_THAT(left, HasSubstr("0:\tfrom all lookup local"));
  EXPECT_THAT(left, HasSubstr("10.60.0.0/16 via 10.50.0.2"));
}

}  // namespace
}  // namespace tunneld::daemon
