// A run that changes the host is killed before and after every one of its system calls. Whatever was done by
// then is undone, by `tunneld cleanup` and by the next start alike.
#include <iostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ptrace.h>

#include "daemon/commands/cleanup.h"
#include "daemon/host/host_changes.h"
#include "daemon/host/interface_lock.h"
#include "tests/unit/addresses.h"
#include "tests/unit/host/kept_device_fixture.h"

namespace tunneld::daemon {
namespace {

/// A start, a reload that takes one change back, and a stop.
void run_once() {
  const auto lock = InterfaceLock::take("kept");
  HostChanges host("kept");
  host.make(LinkUp{{"kept"}, 1420});
  host.make(AddressAdded{{"kept"}, prefix("10.8.0.1/24")});
  host.make(AddressAdded{{"kept"}, prefix("fd08::1/64")});
  host.make(RouteAdded{{"kept"}, prefix("10.20.0.0/16")});
  host.make(RouteAdded{{"kept"}, prefix("fd20::/48"), 777, 5});
  host.make(RuleAdded{{.priority = 32000, .table = 777, .mark = 1, .invert = true}});
  host.make(SysctlSet{"net/ipv4/conf/all/src_valid_mark", "1"});
  host.revert(RouteAdded{{"kept"}, prefix("10.20.0.0/16")});
}

/// The same with a bridge of its own.
void run_with_bridge() {
  const auto lock = InterfaceLock::take("kept");
  HostChanges host("kept");
  host.make(BridgeMade{{"bridge"}, true});
  host.make(BridgePort{{"member"}, {"bridge"}, true});
}

/// Runs it and kills it at its `stop`th beginning or end of a system call. False: it ended before.
bool run_and_kill_at(int stop, void (*run)() = run_once) {
  const pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    run();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);
  for (int i = 0; i < stop; ++i) {
    ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
    waitpid(child, &status, 0);
    if (WIFEXITED(status)) {
      EXPECT_EQ(WEXITSTATUS(status), 0);
      return false;
    }
    // Whoever is dead already was killed by nobody here.
    if (WIFSIGNALED(status)) {
      ADD_FAILURE() << "signal " << WTERMSIG(status);
      return false;
    }
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return true;
}

class KilledAnywhereTest : public KeptDeviceTest, public ::testing::WithParamInterface<const char*> {
 protected:
  /// Undoes what is left, in the way of the parameter.
  void undo() const {
    if (std::string(GetParam()) == "cleanup") {
      std::ostringstream said;
      std::streambuf* real = std::cout.rdbuf(said.rdbuf());
      EXPECT_EQ(clean_up("kept"), ExitCode::kFine);
      std::cout.rdbuf(real);
    } else {
      run_once();
    }
  }
};

TEST_P(KilledAnywhereTest, TheHostIsByteForByteAsItWas) {
  const std::string before = quick_state();
  const std::string all_before = host_state();
  int changed = 0;
  int stop = 1;
  for (; run_and_kill_at(stop); ++stop) {
    if (stop % 8 == 0 && quick_state() != before) ++changed;
    undo();
    ASSERT_EQ(quick_state(), before) << "killed at stop " << stop;
  }
  EXPECT_EQ(host_state(), all_before);
  // The sweep is worth something only if the kills hit a changed host.
  EXPECT_GT(stop, 200);
  EXPECT_GT(changed, stop / 8 / 2);
  RecordProperty("stops", stop);
}

TEST_P(KilledAnywhereTest, ABridgeIsGoneAndItsMemberAsItWas) {
  // Down, and up before for the same reason as "kept".
  net::shell("ip link add member type veth peer name member-end");
  net::shell("ip link set member up && ip link set member down");
  const std::string before = quick_state();
  const std::string all_before = host_state();
  // The kernel takes its time to remove a bridge, so not every stop, but each time others.
  constexpr int kStep = 7;
  int with_bridge = 0;
  int with_member = 0;
  for (int stop = 1 + getpid() % kStep; run_and_kill_at(stop, run_with_bridge); stop += kStep) {
    const std::string left = output_of("ip link");
    if (left.find("bridge:") != std::string::npos) ++with_bridge;
    if (left.find("master bridge") != std::string::npos) ++with_member;
    undo();
    ASSERT_EQ(quick_state(), before) << "killed at stop " << stop;
  }
  EXPECT_EQ(host_state(), all_before);
  EXPECT_GT(with_bridge, with_member);
  EXPECT_GT(with_member, 1);
}

INSTANTIATE_TEST_SUITE_P(Then, KilledAnywhereTest, ::testing::Values("cleanup", "next_start"),
                         [](const auto& way) { return std::string(way.param); });

}  // namespace
}  // namespace tunneld::daemon
