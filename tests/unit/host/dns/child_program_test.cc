#include "daemon/host/dns/child_program.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/host/run_directory_fixture.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::SizeIs;
using ::testing::StartsWith;

ProgramEnd shell(const std::string& script, std::chrono::milliseconds patience = 60s,
                 const std::string& input = "") {
  return run_program({"/bin/sh", "-c", script}, input, patience);
}

TEST(ChildProgram, ReadsItsInputAndItsWordsAreKept) {
  const ProgramEnd end = shell("cat; echo more >&2", 60s, "nameserver 10.8.0.1\n");
  EXPECT_TRUE(end.is_success());
  EXPECT_EQ(end.output, "nameserver 10.8.0.1\nmore\n");
}

TEST(ChildProgram, HowItEndsIsToldInOneLine) {
  EXPECT_EQ(in_words(shell("exit 7")), "exit code 7");
  EXPECT_EQ(in_words(shell("printf 'a\\tb\\n\\nc\\033[1m\\n' >&2; exit 1")), "exit code 1: a b; c?[1m");
  EXPECT_EQ(in_words(shell("kill -9 $$")), "ended by signal 9");
  EXPECT_FALSE(shell("kill -9 $$").is_success());
  const ProgramEnd much = shell("yes 0123456789 | head -n 1000; exit 1");
  EXPECT_THAT(in_words(much), StartsWith("exit code 1: 0123456789; 0123456789"));
  EXPECT_THAT(in_words(much), EndsWith(" …"));
  EXPECT_THROW((void)run_program({"/nonexistent/program"}, "", 1s), std::system_error);
}

// A pipe holds 64 KiB: what is printed beyond must neither stop the program nor be kept.
TEST(ChildProgram, MuchToSayStopsNobody) {
  const ProgramEnd end = shell("yes 0123456789 | head -n 200000; yes 0123456789 | head -n 200000 >&2");
  EXPECT_TRUE(end.is_success()) << in_words(end);
  EXPECT_THAT(end.output, SizeIs(kKeptOutput));
}

TEST(ChildProgram, WhatTakesTooLongIsKilledWithItsChildren) {
  const TemporaryRunDirectory directory;
  const std::string file = directory.path() / "children";
  const ProgramEnd end = shell("sleep 1000 & echo $! > " + file + "; yes", 300ms);
  EXPECT_FALSE(end.in_time);
  EXPECT_FALSE(end.is_success());
  EXPECT_THAT(in_words(end), StartsWith("killed because it took too long: y; y"));
  // Reaped by somebody else, or a zombie until then: no process of it runs.
  std::string number = read_file(file);
  number.pop_back();
  for (int i = 0; i < 500; ++i) {
    const std::string state = read_file("/proc/" + number + "/stat");
    if (state.empty() || state.find(") Z ") != std::string::npos) return;
    usleep(10'000);
  }
  ADD_FAILURE() << number << " still runs";
}

// A hook starts a service that keeps what it was given as stderr.
TEST(ChildProgram, WhatItLeavesRunningIsNotWaitedFor) {
  const TemporaryRunDirectory directory;
  const std::string file = directory.path() / "child";
  const auto begin = std::chrono::steady_clock::now();
  const ProgramEnd end = shell("sleep 1000 & echo $! > " + file + "; echo done", 900s);
  EXPECT_TRUE(end.is_success());
  EXPECT_EQ(end.output, "done\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 500s);
  kill(std::stoi(read_file(file)), SIGKILL);
}

TEST(ChildProgram, WhatItMakesIsForEverybodyToRead) {
  const TemporaryRunDirectory directory;
  const mode_t before = umask(0077);
  EXPECT_TRUE(shell("echo x > " + (directory.path() / "made").string()).is_success());
  umask(before);
  struct stat info {};
  ASSERT_EQ(stat((directory.path() / "made").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0644U);
}

}  // namespace
}  // namespace tunneld::daemon
