// Files of a command: all or none, never over another, private from the first moment.

#include "daemon/new_files.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/peer_file.h"
#include "tests/unit/config/temporary_files.h"

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
  EXPECT_EQ(folder.remove("new"), "");
  EXPECT_EQ(count(), 1);
  EXPECT_THROW((void)folder.remove("new"), std::system_error);
  // A key without its peer is a leftover, one with it is not.
  files.write("peers.d/new.psk", "key");
  files.write("peers.d/old.psk", "key");
  folder.drop_leftovers("new");
  folder.drop_leftovers("old");
  EXPECT_EQ(count(), 2);
}

}  // namespace
}  // namespace tunneld::daemon
