// Files of a command: all or none, never over another, private from the first moment.

#include "daemon/new_files.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include <gtest/gtest.h>
#include <sys/stat.h>

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
