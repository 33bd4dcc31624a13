#include "daemon/host/journal_owner.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <system_error>

#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/daemon/open_fault.h"

// What libstdc++ opens files and directories with.
extern "C" FILE* fopen64(const char* path, const char* mode) {
  if (tunneld::daemon::open_fault != 0) {
    errno = tunneld::daemon::open_fault;
    return nullptr;
  }
  static const auto real = reinterpret_cast<FILE* (*)(const char*, const char*)>(dlsym(RTLD_NEXT, "fopen64"));
  return real(path, mode);
}

extern "C" int openat(int directory, const char* path, int flags, ...) {
  if (tunneld::daemon::open_fault != 0) {
    errno = tunneld::daemon::open_fault;
    return -1;
  }
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = va_arg(arguments, mode_t);
  va_end(arguments);
  static const auto real = reinterpret_cast<int (*)(int, const char*, int, ...)>(dlsym(RTLD_NEXT, "openat"));
  return real(directory, path, flags, mode);
}

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
