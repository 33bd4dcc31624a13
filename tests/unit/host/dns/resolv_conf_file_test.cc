#include "daemon/host/dns/resolv_conf_file.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <map>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/net/file_descriptor.h"
#include "tests/unit/host/own_run.h"
#include "tests/unit/host/run_directory_fixture.h"
#include "tests/unit/net/asleep.h"

namespace tunneld::daemon {
namespace {

void write(const std::string& path, const std::string& text) {
  edit_resolv_conf(path, [&text](const auto&) { return text; });
}

/// Takes away what a kill has left, and nothing else.
void look_at(const std::string& path) {
  edit_resolv_conf(path, [](const auto&) { return std::nullopt; });
}

class ResolvConfFileTest : public ::testing::Test {
 protected:
  // The lock of all edits is there.
  void SetUp() override {
    if (!have_own_run()) GTEST_SKIP() << "no mount namespace";
  }
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
  write(path(), "nameserver 10.8.0.1\n");
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
    write(path(), text);
    EXPECT_TRUE(std::filesystem::is_symlink(path()));
    EXPECT_EQ(read_file(path("run") + "/resolv.conf"), text);
  }
  edit_resolv_conf(
      path(), [](const auto&) { return ""; }, Emptied::kGoes);
  EXPECT_TRUE(std::filesystem::is_symlink(path()));
  EXPECT_EQ(read_resolv_conf(path()), std::nullopt);
}

TEST_F(ResolvConfFileTest, WhatAKillLeftIsTakenUp) {
  write_file(path(), "a\n");
  write_file(path(".resolv.conf.tunneld"), "half a li");
  write(path(), "b\n");
  EXPECT_EQ(read_resolv_conf(path()), "b\n");
  EXPECT_THAT(names(), ::testing::ElementsAre("resolv.conf"));
}

TEST_F(ResolvConfFileTest, WhatAKillLeftGoes) {
  write_file(path(), "a\n");
  write_file(path(".resolv.conf.tunneld"), "half a li");
  look_at(path());
  look_at(path());
  EXPECT_THAT(names(), ::testing::ElementsAre("resolv.conf"));
}

TEST_F(ResolvConfFileTest, WithoutAFileThereIsOneAfterwards) {
  EXPECT_EQ(real_resolv_conf(path()), path());
  edit_resolv_conf(path(), [](const auto& present) { return present ? "there\n" : "none\n"; });
  EXPECT_EQ(read_resolv_conf(path()), "none\n");
}

TEST_F(ResolvConfFileTest, WhatAnotherProgramWritesDuringAnEditIsNotLost) {
  write_file(path(), "old\n");
  std::vector<std::string> seen;
  edit_resolv_conf(path(), [&](const auto& present) {
    seen.push_back(present.value_or("none"));
    // The first is a look without the lock.
    if (seen.size() == 2) write_file(path(), "new\n");
    return std::optional("ours\n" + *present);
  });
  EXPECT_THAT(seen, ::testing::ElementsAre("old\n", "old\n", "new\n"));
  EXPECT_EQ(read_resolv_conf(path()), "ours\nnew\n");
  // A program that never stops is not waited for.
  int count = 0;
  EXPECT_THROW(edit_resolv_conf(path(),
                                [&](const auto&) {
                                  write_file(path(), std::to_string(++count));
                                  return std::optional<std::string>("ours\n");
                                }),
               std::system_error);
  EXPECT_THAT(names(), ::testing::ElementsAre("resolv.conf"));
}

/// As `echo theirs > file` does, which empties the file first: until write(), it has no text.
class MiddleOfAWrite {
 public:
  explicit MiddleOfAWrite(const std::string& path)
      : file_(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC)) {}
  void end() {
    EXPECT_EQ(::write(file_.get(), "theirs\n", 7), 7);
    file_ = net::FileDescriptor();
  }

 private:
  net::FileDescriptor file_;
};

TEST_F(ResolvConfFileTest, AProgramInTheMiddleOfAWriteIsWaitedFor) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: a mount";
  for (const bool is_mounted : {false, true}) {
    write_file(path(), "old\n");
    if (is_mounted) {
      ASSERT_EQ(mount(path().c_str(), path().c_str(), nullptr, MS_BIND, nullptr), 0);
    }
    MiddleOfAWrite other(path());
    std::thread writer([&other, editor = ::gettid()] {
      net::wait_until_asleep(editor);
      other.end();
    });
    edit_resolv_conf(path(), [](const auto& present) {
      return present->starts_with("ours\n") ? std::nullopt : std::optional("ours\n" + *present);
    });
    writer.join();
    EXPECT_EQ(read_file(path()), "ours\ntheirs\n") << (is_mounted ? "in place" : "replaced");
    if (is_mounted) umount2(path().c_str(), MNT_DETACH);
  }
}

TEST_F(ResolvConfFileTest, AProgramThatOpensItDuringAnEditIsWaitedForToo) {
  write_file(path(), "");
  std::optional<MiddleOfAWrite> other;
  std::thread writer;
  int edits = 0;
  edit_resolv_conf(path(), [&](const auto& present) {
    // The first is a look without the lock. Neither shows in the text that the file is open by now.
    if (++edits == 2) {
      other.emplace(path());
      writer = std::thread([&other, editor = ::gettid()] {
        net::wait_until_asleep(editor);
        other->end();
      });
    }
    return std::optional("ours\n" + *present);
  });
  writer.join();
  EXPECT_EQ(read_file(path()), "ours\ntheirs\n");
}

TEST_F(ResolvConfFileTest, AProgramThatKeepsTheFileOpenKeepsNobodyFromWriting) {
  write_file(path(), "");
  const MiddleOfAWrite other(path());
  write(path(), "ours\n");
  EXPECT_EQ(read_file(path()), "ours\n");
}

// A file that has grown since it was read looks like one that a kill has left with zeros at its end.
TEST_F(ResolvConfFileTest, WhatAnotherProgramAppendsIsNotTakenForAKillsRemains) {
  const std::string text = "options rotate\nnameserver 192.168.1.1\n";
  std::atomic<bool> stop{false};
  std::thread looks([&] {
    while (!stop) edit_resolv_conf(path(), [](const auto&) { return std::nullopt; });
  });
  int lost = 0;
  for (int i = 0; i < 3000; ++i) {
    write_file(path(), text);
    if (read_file(path()) != text) ++lost;
  }
  stop = true;
  looks.join();
  EXPECT_EQ(lost, 0);
}

TEST_F(ResolvConfFileTest, NothingToChangeWritesNothing) {
  write_file(path(), "a\n");
  struct stat before {};
  struct stat after {};
  ASSERT_EQ(stat(path().c_str(), &before), 0);
  edit_resolv_conf(path(), [](const auto&) { return std::nullopt; });
  ASSERT_EQ(stat(path().c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

/// Another tunneld that has read the file, and has not written it yet.
class BusyEditor {
 public:
  explicit BusyEditor(const std::string& path) {
    int reads[2];
    if (pipe(reads) != 0) abort();
    pid_ = fork();
    if (pid_ < 0) abort();
    if (pid_ == 0) {
      signal(SIGUSR1, [](int) {});
      int count = 0;
      edit_resolv_conf(path, [&](const auto& present) {
        // The first is a look without the lock.
        if (++count == 2 && ::write(reads[1], "!", 1) == 1) pause();
        return "theirs\n" + present.value_or("");
      });
      _exit(0);
    }
    close(reads[1]);
    char byte = 0;
    is_busy_ = read(reads[0], &byte, 1) == 1;
    close(reads[0]);
  }
  ~BusyEditor() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  BusyEditor(const BusyEditor&) = delete;
  BusyEditor& operator=(const BusyEditor&) = delete;
  [[nodiscard]] bool is_busy() const { return is_busy_; }
  /// Until it has written.
  void go_on() {
    kill(pid_, SIGUSR1);
    siginfo_t info;
    waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }

 private:
  pid_t pid_ = 0;
  bool is_busy_ = false;
};

// Whoever may read a directory can lock it.
TEST_F(ResolvConfFileTest, AStrangersLockOfTheDirectoryLetsNoTwoTunneldsWriteAtOnce) {
  write_file(path(), "a\n");
  const int directory = open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(flock(directory, LOCK_EX | LOCK_NB), 0);
  {
    const BusyEditor other(path());
    ASSERT_TRUE(other.is_busy());
    try {
      write(path(), "b\n");
      ADD_FAILURE() << "written at the same time";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::device_or_resource_busy) << error.what();
      EXPECT_THAT(error.what(), ::testing::HasSubstr("is writing it"));
    }
  }
  write(path(), "b\n");
  EXPECT_EQ(read_file(path()), "b\n");
  close(directory);
}

TEST_F(ResolvConfFileTest, WhatAnotherIsWritingIsNotTakenForAKillsRemains) {
  write_file(path(), "a\n");
  {
    const BusyEditor other(path());
    ASSERT_TRUE(other.is_busy());
    write_file(path(".resolv.conf.tunneld"), "half a li");
    EXPECT_THROW(look_at(path()), std::system_error);
    EXPECT_EQ(read_file(path(".resolv.conf.tunneld")), "half a li");
  }
  look_at(path());
  EXPECT_THAT(names(), ::testing::ElementsAre("resolv.conf"));
}

TEST_F(ResolvConfFileTest, NothingToChangeNeedsNoLock) {
  write_file(path(), "a\n");
  const BusyEditor other(path());
  ASSERT_TRUE(other.is_busy());
  EXPECT_NO_THROW(look_at(path()));
}

TEST_F(ResolvConfFileTest, WhoIsLockedOutMayWriteAllTheSameAndTheOtherLosesNothingOfIt) {
  write_file(path(), "a\n");
  BusyEditor other(path());
  ASSERT_TRUE(other.is_busy());
  write_file(path(".resolv.conf.tunneld"), "the other's");
  edit_resolv_conf(
      path(), [](const auto&) { return "b\n"; }, Emptied::kStays, LockedOut::kWrites);
  EXPECT_EQ(read_file(path()), "b\n");
  EXPECT_EQ(read_file(path(".resolv.conf.tunneld")), "the other's");
  other.go_on();
  EXPECT_EQ(read_file(path()), "theirs\nb\n");
  EXPECT_THAT(names(), ::testing::ElementsAre("resolv.conf"));
}

TEST_F(ResolvConfFileTest, AMountedFileThatShouldGoIsEmptied) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: a mount";
  const auto remove = [this] {
    edit_resolv_conf(
        path(), [](const auto&) { return ""; }, Emptied::kGoes);
  };
  // A mount of its own, and below a directory that is read-only, as in a service's sandbox.
  write_file(path("behind"), "nameserver 10.8.0.1\n");
  write_file(path(), "");
  ASSERT_EQ(mount(path("behind").c_str(), path().c_str(), nullptr, MS_BIND, nullptr), 0);
  EXPECT_NO_THROW(remove());
  EXPECT_EQ(read_file(path("behind")), "");
  write_file(path("behind"), "nameserver 10.8.0.1\n");
  const std::string directory = directory_.path();
  ASSERT_EQ(mount(directory.c_str(), directory.c_str(), nullptr, MS_BIND | MS_REC, nullptr), 0);
  ASSERT_EQ(mount(nullptr, directory.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), 0);
  EXPECT_NO_THROW(remove());
  EXPECT_EQ(read_file(path()), "");
  umount2(directory.c_str(), MNT_DETACH);
  EXPECT_EQ(read_file(path("behind")), "");
  umount2(path().c_str(), MNT_DETACH);
}

TEST_F(ResolvConfFileTest, WhatAKillLeftInADirectoryThatIsReadOnlyNowCostsNobodyALockAndGoesLater) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: a mount";
  write_file(path(), "a\n");
  const BusyEditor other(path());
  ASSERT_TRUE(other.is_busy());
  write_file(path(".resolv.conf.tunneld"), "half a li");
  const std::string directory = directory_.path();
  ASSERT_EQ(mount(directory.c_str(), directory.c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(mount(nullptr, directory.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), 0);
  EXPECT_NO_THROW(look_at(path()));
  umount2(directory.c_str(), MNT_DETACH);
  tidy_resolv_conf(path());
  EXPECT_TRUE(std::filesystem::exists(path(".resolv.conf.tunneld"))) << "the other may be writing it";
}

TEST_F(ResolvConfFileTest, SaysWhatCannotBeDone) {
  std::filesystem::create_symlink("nowhere/resolv.conf", path());
  EXPECT_THROW(write(path(), "x\n"), std::system_error);
  write_file(path("large"), std::string(2U << 20, 'x'));
  EXPECT_THROW((void)read_resolv_conf(path("large")), std::system_error);
}

/// Writes `text` at `path` in a child that is killed at its `stop`th beginning or end of a system call.
/// False: it ended before.
bool write_and_kill_at(int stop, const std::string& path, const std::string& text) {
  const pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    write(path, text);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);
  for (int i = 0; i < stop; ++i) {
    ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
    waitpid(child, &status, 0);
    if (!WIFSTOPPED(status)) return false;
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return true;
}

TEST_F(ResolvConfFileTest, AMountedFileIsTheOldOrTheNewOneWhereverAKillHits) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: a mount";
  const std::string small = "nameserver 192.168.1.1\n";
  const std::string large = "nameserver 10.8.0.1\nsearch corp.example\nnameserver 10.8.0.2\noptions edns0\n";
  write_file(path("behind"), small);
  write_file(path(), "");
  ASSERT_EQ(mount(path("behind").c_str(), path().c_str(), nullptr, MS_BIND, nullptr), 0);
  std::map<std::string, int> left;
  for (const auto& [before, after] : {std::pair(small, large), std::pair(large, small)}) {
    int stop = 1;
    write_file(path("behind"), before);
    for (; write_and_kill_at(stop, path(), after); ++stop) {
      const std::string text = read_resolv_conf(path()).value_or("none");
      EXPECT_TRUE(text == before || text == after) << "stop " << stop << ": " << text;
      ++left[text];
      look_at(path());
      EXPECT_EQ(read_file(path()), text) << "stop " << stop;
      write_file(path("behind"), before);
    }
    EXPECT_GT(stop, 10);
  }
  // Kills on both sides of the write, or they have shown nothing.
  EXPECT_GT(left[small], 4);
  EXPECT_GT(left[large], 4);
  umount(path().c_str());
}

/// With lines of its own up to its last byte.
std::string text_of(std::size_t size, char sign) {
  std::string text;
  while (text.size() < size) text += "options " + std::string(1, sign) + std::to_string(text.size()) + "\n";
  return text;
}

// The kernel writes page by page, and a kill comes between two of them wherever it likes.
TEST_F(ResolvConfFileTest, AMountedFileOfSeveralPagesIsRepairedWhereverAKillHits) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: a mount";
  const std::string small = "nameserver 192.168.1.1\n";
  const std::string large = text_of(9000, 'a');
  const std::string other = text_of(13000, 'b');
  write_file(path("behind"), "");
  write_file(path(), "");
  ASSERT_EQ(mount(path("behind").c_str(), path().c_str(), nullptr, MS_BIND, nullptr), 0);
  const auto is_change_kept = [this](std::size_t bytes) {
    return std::ranges::any_of(names(), [&](const std::string& name) {
      return name.ends_with(".change") && std::filesystem::file_size(path(name.c_str())) > bytes;
    });
  };
  for (const auto& [before, after] :
       {std::pair(large, other), std::pair(other, small), std::pair(small, large)}) {
    int torn = 0;
    write_file(path("behind"), before);
    // Nothing changes between the end of one call and the beginning of the next.
    for (int stop = 1; write_and_kill_at(stop, path(), after); stop += 2) {
      std::string expected = read_resolv_conf(path()).value_or("none");
      // A kill right before the write stands for one within it.
      std::string raw = read_file(path("behind"));
      if (expected == before && is_change_kept(before.size() + after.size())) {
        raw.resize(std::max(raw.size(), after.size()), '\0');
        raw.replace(0, 4096, (after + std::string(4096, '\0')).substr(0, 4096));
        write_file(path("behind"), raw);
        expected = after;
        ++torn;
      }
      look_at(path());
      EXPECT_EQ(read_file(path()), expected) << "stop " << stop;
      EXPECT_THAT(names(), ::testing::UnorderedElementsAre("resolv.conf", "behind")) << "stop " << stop;
      write_file(path("behind"), before);
    }
    EXPECT_GT(torn, 1);
  }
  umount(path().c_str());
}

TEST_F(ResolvConfFileTest, WhatOthersHaveWrittenOverAHalfWrittenFileIsTheirs) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: a mount";
  const std::string before = text_of(9000, 'a');
  write_file(path("behind"), before);
  write_file(path(), "");
  ASSERT_EQ(mount(path("behind").c_str(), path().c_str(), nullptr, MS_BIND, nullptr), 0);
  for (int stop = 1; names().size() < 3; stop += 2)
    ASSERT_TRUE(write_and_kill_at(stop, path(), text_of(9000, 'b'))) << "no change was kept";
  write_file(path("behind"), "nameserver 192.168.1.7\n");
  look_at(path());
  EXPECT_EQ(read_file(path()), "nameserver 192.168.1.7\n");
  EXPECT_THAT(names(), ::testing::UnorderedElementsAre("resolv.conf", "behind"));
  umount(path().c_str());
}

}  // namespace
}  // namespace tunneld::daemon
