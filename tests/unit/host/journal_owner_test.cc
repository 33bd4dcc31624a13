#include "daemon/host/journal_owner.h"

#include <cerrno>
#include <system_error>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/host/open_fault.h"

namespace tunneld::daemon {
namespace {

TEST(JournalOwner, LivesAsLongAsItsProcess) {
  JournalOwner owner = JournalOwner::self();
  EXPECT_TRUE(owner.is_alive());
  owner.started += "0";
  EXPECT_FALSE(owner.is_alive()) << "another process of the same number";
}

TEST(JournalOwner, AZombieIsNoOwner) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::string started = JournalOwner::self().started;
    if (write(ready[1], started.data(), started.size()) < 0) _exit(1);
    pause();
    _exit(0);
  }
  char buffer[64];
  const ssize_t got = read(ready[0], buffer, sizeof buffer);
  ASSERT_GT(got, 0);
  JournalOwner owner = JournalOwner::self();
  owner.pid = child;
  owner.started.assign(buffer, static_cast<std::size_t>(got));
  EXPECT_TRUE(owner.is_alive());

  kill(child, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0)
      << "dead, and not yet reaped";
  EXPECT_FALSE(owner.is_alive());
  waitpid(child, nullptr, 0);
  EXPECT_FALSE(owner.is_alive());
  close(ready[0]);
  close(ready[1]);
}

TEST(JournalOwner, IsNotDeadBecauseNoDescriptorIsLeft) {
  const JournalOwner owner = JournalOwner::self();
  JournalOwner elsewhere = owner;
  elsewhere.network_namespace = "net:[1]";
  EXPECT_FALSE(elsewhere.namespace_exists());
  const auto error_of = [](const auto& ask) {
    open_fault = EMFILE;
    int error = 0;
    try {
      (void)ask();
    } catch (const std::system_error& told) {
      error = told.code().value();
    }
    open_fault = 0;
    return error;
  };
  EXPECT_EQ(error_of([&] { return owner.is_alive(); }), EMFILE);
  EXPECT_EQ(error_of([&] { return elsewhere.namespace_exists(); }), EMFILE);
  EXPECT_EQ(error_of([] { return JournalOwner::self(); }), EMFILE);
  EXPECT_TRUE(owner.is_alive());
}

}  // namespace
}  // namespace tunneld::daemon
