// Files of a command: all or none, never over another, private from the first moment.

#include "daemon/commands/new_files.h"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/net/file_descriptor.h"
#include "daemon/commands/key_commands.h"
#include "daemon/commands/peer_file.h"
#include "tests/unit/config/temporary_files.h"
#include "tests/unit/host/run_directory_fixture.h"

namespace tunneld::daemon {
namespace {

using config::TemporaryFiles;

std::string read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(NewFiles, StayOnlyWhenKept) {
  const TemporaryFiles files;
  {
    NewFiles lost;
    lost.make_directory(files.path("a/b/c"));
    lost.write(files.path("a/b/c/x"), "text");
    EXPECT_EQ(read(files.path("a/b/c/x")), "text");
  }
  EXPECT_FALSE(std::filesystem::exists(files.path("a")));
  {
    NewFiles kept;
    kept.make_directory(files.path("a/b"));
    kept.write(files.path("a/b/x"), "text");
    kept.keep();
  }
  EXPECT_EQ(read(files.path("a/b/x")), "text");
}

TEST(NewFiles, GoIntoNoDirectoryThatOthersOwnOrCanWrite) {
  const TemporaryFiles files;
  const auto refusal = [](const std::string& path) -> std::string {
    try {
      NewFiles made;
      made.make_directory(path);
      made.write(path + "/x", "text");
    } catch (const std::system_error& error) {
      return error.what();
    }
    return "taken";
  };
  const std::string shared = files.path("shared");
  std::filesystem::create_directory(shared);
  for (const auto& [mode, words] :
       {std::pair{0755U, "taken"}, std::pair{0777U, "can be written by everybody"},
        std::pair{0775U, "can be written by group"}, std::pair{01777U, "can be written by everybody"}}) {
    ASSERT_EQ(::chmod(shared.c_str(), mode), 0);
    EXPECT_NE(refusal(shared).find(words), std::string::npos) << std::oct << mode;
    // A directory of our own is safe in a sticky one.
    EXPECT_EQ(refusal(shared + "/a/b") == "taken", mode == 0755U || mode == 01777U) << std::oct << mode;
    EXPECT_FALSE(std::filesystem::exists(shared + "/a"));
  }
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_EQ(::chmod(shared.c_str(), 0755), 0);
  ASSERT_EQ(::chown(shared.c_str(), 65534, 65534), 0);
  EXPECT_NE(refusal(shared).find("belongs to user 65534"), std::string::npos);
  EXPECT_NE(refusal(shared + "/a").find("belongs to user 65534"), std::string::npos);
  ::setenv("SUDO_UID", "65534", 1);
  EXPECT_EQ(refusal(shared), "taken");
  ::unsetenv("SUDO_UID");
}

TEST(NewFiles, GoNowhereBelowADirectoryThatOthersCanRename) {
  const TemporaryFiles files;
  const std::string shared = files.path("shared");
  const std::string own = shared + "/own/inner";
  std::filesystem::create_directories(own);
  const auto is_refused = [](const std::function<void(NewFiles&)>& work) {
    try {
      NewFiles made;
      work(made);
    } catch (const std::system_error& error) {
      return std::string(error.what()).find("/shared can be written by everybody") != std::string::npos;
    }
    return false;
  };
  const auto directory = [&own](NewFiles& made) { made.make_directory(own); };
  const auto file = [&own](NewFiles& made) { made.write(own + "/x", "text"); };
  const auto beside = [&shared](NewFiles& made) { made.write(shared + "/x", "text"); };
  for (const mode_t mode : {0755U, 0777U, 01777U}) {
    ASSERT_EQ(::chmod(shared.c_str(), mode), 0);
    EXPECT_EQ(is_refused(directory), mode == 0777U) << std::oct << mode;
    EXPECT_EQ(is_refused(file), mode == 0777U) << std::oct << mode;
    EXPECT_EQ(is_refused(beside), mode == 0777U) << std::oct << mode;
  }
  // As `genkey -o` and `export -o` do.
  ASSERT_EQ(::chmod(shared.c_str(), 0777), 0);
  testing::internal::CaptureStderr();
  EXPECT_EQ(generate_private_key(own + "/key"), ExitCode::kRuntimeFailure);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("can be written by everybody"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(own + "/key"));
  // A link in it leads where others choose.
  ASSERT_EQ(::chmod(shared.c_str(), 0755), 0);
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  std::filesystem::create_symlink("own", shared + "/link");
  ASSERT_EQ(::lchown((shared + "/link").c_str(), 65534, 65534), 0);
  NewFiles made;
  EXPECT_THROW(made.write(shared + "/link/x", "text"), std::system_error);
  ::setenv("SUDO_UID", "65534", 1);
  EXPECT_NO_THROW(made.write(shared + "/link/x", "text"));
  ::unsetenv("SUDO_UID");
}

TEST(NewFiles, AreMadeInAUserNamespaceThatDoesNotKnowRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const TemporaryFiles files;
  const std::string own = std::filesystem::path(files.path("x")).parent_path();
  ASSERT_EQ(::chown(own.c_str(), 1000, 1000), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto write = [](const char* path, const char* text) {
      return static_cast<bool>((std::ofstream(path) << text).flush());
    };
    if (::setresgid(1000, 1000, 1000) != 0 || ::setresuid(1000, 1000, 1000) != 0 ||
        ::prctl(PR_SET_DUMPABLE, 1) != 0 || ::unshare(CLONE_NEWUSER) != 0 ||
        !write("/proc/self/setgroups", "deny") || !write("/proc/self/gid_map", "0 1000 1") ||
        !write("/proc/self/uid_map", "0 1000 1"))
      ::_exit(77);
    struct stat top {};
    if (::stat("/", &top) != 0 || top.st_uid == 0) ::_exit(2);
    try {
      NewFiles made;
      made.make_directory(own + "/a/b");
      made.write(own + "/a/b/x", "text");
      made.keep();
    } catch (const std::system_error& error) {
      std::fputs(error.what(), stderr);
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no user namespace";
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read(own + "/a/b/x"), "text");
}

TEST(NewFiles, ArePrivateWhateverTheUmask) {
  const TemporaryFiles files;
  const mode_t before = ::umask(0);
  NewFiles made;
  made.make_directory(files.path("a"));
  made.write(files.path("a/x"), "text");
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat(files.path("a/x").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat(files.path("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST(NewFiles, NeverReplaceOrFollowAnything) {
  const TemporaryFiles files;
  const std::string old = files.write("old", "mine");
  std::filesystem::create_symlink(files.path("elsewhere"), files.path("link"));
  {
    NewFiles made;
    EXPECT_THROW(made.write(old, "text"), std::system_error);
    EXPECT_THROW(made.write(files.path("link"), "text"), std::system_error);
    EXPECT_THROW(made.make_directory(old), std::system_error);
    EXPECT_THROW(made.make_directory(old + "/x"), std::system_error);
  }
  EXPECT_EQ(read(old), "mine");
  EXPECT_FALSE(std::filesystem::exists(files.path("elsewhere")));
}

TEST(PeerFolder, PublishesWholeFilesAndNeverOverAnother) {
  const TemporaryFiles files;
  files.write("peers.d/old.yaml", "mine");
  const PeerFolder folder(files.path("server.yaml"));
  EXPECT_THROW(folder.publish("old", "text"), std::system_error);
  EXPECT_EQ(read(files.path("peers.d/old.yaml")), "mine");
  // What a killed command has left is in nobody's way.
  files.write("peers.d/.new.new", "half of a fi");
  folder.drop_leftovers("new");
  folder.publish("new", "text");
  files.write("peers.d/new.psk", "key");
  EXPECT_EQ(read(files.path("peers.d/new.yaml")), "text");
  const auto count = [&files] {
    return std::distance(std::filesystem::directory_iterator(files.path("peers.d")), {});
  };
  EXPECT_EQ(count(), 3);
  EXPECT_EQ(folder.remove("new", PeerFolder::KeyFile::kGoes), "");
  EXPECT_EQ(count(), 1);
  EXPECT_THROW((void)folder.remove("new", PeerFolder::KeyFile::kGoes), std::system_error);
  // A key without its peer is a leftover, one with it is not.
  files.write("peers.d/new.psk", "key");
  files.write("peers.d/old.psk", "key");
  folder.drop_leftovers("new");
  folder.drop_leftovers("old");
  EXPECT_EQ(count(), 2);
}

TEST(PeerFolder, KeepsAKeyThatAnotherPeerUses) {
  const TemporaryFiles files;
  files.write("peers.d/old.yaml", "mine");
  files.write("peers.d/old.psk", "key");
  const PeerFolder folder(files.path("server.yaml"));
  EXPECT_EQ(folder.remove("old", PeerFolder::KeyFile::kStays), "");
  EXPECT_FALSE(std::filesystem::exists(files.path("peers.d/old.yaml")));
  EXPECT_EQ(read(files.path("peers.d/old.psk")), "key");
}

TEST(PeerFolder, IsForOneCommandAtATimeAndNamesIt) {
  using std::chrono_literals::operator""ms;
  const TemporaryFiles files;
  const std::string config = files.write("server.yaml", "");
  WaitingProcess other([&config] { new PeerFolder(config); });
  ASSERT_TRUE(other.is_ready());
  try {
    const PeerFolder folder(config, 100ms);
    FAIL() << "two at once";
  } catch (const std::runtime_error& error) {
    const std::string words = error.what();
    EXPECT_NE(words.find("is held by commands_test (pid " + std::to_string(other.pid()) + ")"),
              std::string::npos)
        << words;
  }
  other.kill_now();
  const PeerFolder folder(config, 100ms);
}

TEST(PeerFolder, WhoMayOnlyReadTheDirectoryHoldsNobodyUp) {
  using std::chrono_literals::operator""ms;
  const TemporaryFiles files;
  const std::string config = files.write("server.yaml", "");
  const std::string directory = std::filesystem::path(config).parent_path();
  for (const std::string& path : {directory, config}) {
    const net::FileDescriptor reader(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::flock(reader.get(), LOCK_EX), 0);
    {
      const PeerFolder folder(config, 100ms);
      for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        if (entry.path() == config) continue;
        EXPECT_EQ(entry.status().permissions(), std::filesystem::perms(0600)) << entry.path();
      }
    }
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory), {}), 1) << "the lock stays";
  }
}

}  // namespace
}  // namespace tunneld::daemon
