// A key is taken only from a file that keeps it secret; whatever else stands in its place is named, with the
// fix.

#include "config/key_file.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/unit/config/temporary_files.h"

namespace tunneld::config {
namespace {

using testing::HasSubstr;

constexpr uid_t kNobody = 65534;

std::string in_words(const KeyFileResult<crypto::PrivateKey>& result) {
  if (std::holds_alternative<crypto::PrivateKey>(result)) return "a key";
  const auto& problem = std::get<KeyFileProblem>(result);
  return problem.message + "; " + problem.hint;
}

/// Runs `work` in a child that `prepare` has made ready, and returns what it says.
std::string in_child(const std::function<bool()>& prepare, const std::function<std::string()>& work) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) return "pipe failed";
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string text = prepare() ? work() : "the child could not be prepared";
    ::_exit(::write(pipe_ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  ::close(pipe_ends[1]);
  std::string text(4096, '\0');
  const ssize_t got = ::read(pipe_ends[0], text.data(), text.size());
  ::close(pipe_ends[0]);
  ::waitpid(child, nullptr, 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

/// Without root, for what a user without rights would meet.
std::string as_nobody(const std::function<std::string()>& work) {
  return in_child([] { return ::setresuid(kNobody, kNobody, kNobody) == 0; }, work);
}

/// With a user database of its own, with the service's user in it.
std::string with_service_user(const std::string& database, const std::function<std::string()>& work) {
  const auto prepare = [&database] {
    return ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount(database.c_str(), "/etc/passwd", nullptr, MS_BIND, nullptr) == 0;
  };
  return in_child(prepare, work);
}

class KeyFileTest : public testing::Test {
 protected:
  std::string write_key(mode_t mode) { return files_.write("a.key", std::string(kPrivateA) + '\n', mode); }
  static std::string read(const std::string& path) { return in_words(read_private_key({path, false})); }

  TemporaryFiles files_;
};

TEST_F(KeyFileTest, IsReadWhenOnlyItsOwnerMay) {
  for (const mode_t mode : {0600U, 0400U, 0700U}) {
    const auto result = read_private_key({write_key(mode), false});
    ASSERT_TRUE(std::holds_alternative<crypto::PrivateKey>(result)) << in_words(result);
    EXPECT_EQ(std::get<crypto::PrivateKey>(result).public_key().to_base64(), kPublicA);
  }
}

TEST_F(KeyFileTest, IsRefusedWhenOthersMayTouchIt) {
  for (const mode_t mode : {0640U, 0620U, 0610U, 0604U, 0602U, 0601U, 0644U, 0666U, 0777U}) {
    const std::string path = write_key(mode);
    EXPECT_THAT(read(path), HasSubstr("is open to others (mode 0"));
    EXPECT_THAT(read(path), HasSubstr("run: chmod 600 " + path));
  }
}

TEST_F(KeyFileTest, IsRefusedWhenAnotherUserOwnsIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const std::string path = write_key(0600);
  ASSERT_EQ(::chown(path.c_str(), kNobody, kNobody), 0);
  EXPECT_THAT(read(path), HasSubstr("belongs to user 65534"));
}

TEST_F(KeyFileTest, MayBelongToTheUserThatReadsIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  std::filesystem::permissions(files_.path(""), std::filesystem::perms(0755));
  const std::string path = write_key(0600);
  ASSERT_EQ(::chown(path.c_str(), kNobody, kNobody), 0);
  EXPECT_EQ(as_nobody([&path] { return read(path); }), "a key");
}

TEST_F(KeyFileTest, CannotBeCheckedByAUserWhoMayNotOpenIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  std::filesystem::permissions(files_.path(""), std::filesystem::perms(0755));
  const std::string path = write_key(0600);
  EXPECT_EQ(as_nobody([&path] {
              const auto result = read_private_key({path, false});
              const auto* problem = std::get_if<KeyFileProblem>(&result);
              return problem != nullptr && problem->is_not_permitted ? in_words(result)
                                                                     : "wrong: " + in_words(result);
            }),
            "key file '" + path +
                "' cannot be checked as this user: Permission denied; run as root or as the file's owner");
}

TEST_F(KeyFileTest, ShowsItsModeEvenToAUserWhoMayNotOpenIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  std::filesystem::permissions(files_.path(""), std::filesystem::perms(0755));
  const std::string path = write_key(0620);
  EXPECT_THAT(as_nobody([&path] { return read(path); }), HasSubstr("is open to others (mode 0620)"));
}

TEST_F(KeyFileTest, OfRootMayBeReadByTheServicesGroup) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: mounts";
  constexpr gid_t kGroup = 64999;
  const std::string users =
      files_.write("passwd", "root:x:0:0::/:/bin/sh\ntunneld:x:64998:64999::/:/bin/sh\n");
  const std::string path = write_key(0640);
  const auto as_seen = [&] { return with_service_user(users, [&path] { return read(path); }); };
  EXPECT_THAT(as_seen(), HasSubstr("is open to others (mode 0640)")) << "another group";
  ASSERT_EQ(::chown(path.c_str(), 0, kGroup), 0);
  EXPECT_EQ(as_seen(), "a key");
  EXPECT_THAT(read(path), HasSubstr("is open to others (mode 0640)")) << "a host without that user";
  for (const mode_t mode : {0660U, 0650U, 0644U}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_THAT(as_seen(), HasSubstr("is open to others")) << std::oct << mode;
  }
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  ASSERT_EQ(::chown(path.c_str(), 64998, kGroup), 0);
  EXPECT_THAT(as_seen(), HasSubstr("is open to others")) << "the service could change it";
}

TEST_F(KeyFileTest, MissingIsToldHowToBeMade) {
  const std::string path = files_.path("nothere.key");
  EXPECT_THAT(read(path), HasSubstr("No such file or directory; make it with: tunneld genkey -o " + path));
  const KeyFileResult<crypto::PresharedKey> psk = read_preshared_key({path, false});
  EXPECT_EQ(std::get<KeyFileProblem>(psk).hint, "make it with: tunneld genpsk -o " + path);
}

TEST_F(KeyFileTest, MayBeReachedThroughALinkFarmThatIsOurs) {
  files_.write("secret/..2026_01/key", std::string(kPrivateA) + '\n', 0400);
  std::filesystem::create_directory_symlink("..2026_01", files_.path("secret/..data"));
  std::filesystem::create_symlink("..data/key", files_.path("secret/key"));
  std::filesystem::create_symlink(files_.path("secret/./../secret/key"), files_.path("absolute"));
  // As Kubernetes makes the volume.
  ASSERT_EQ(::chmod(files_.path("secret").c_str(), 01777), 0);
  EXPECT_EQ(read(files_.path("secret/key")), "a key");
  EXPECT_EQ(read(files_.path("absolute")), "a key");
  // What it leads to is checked as any other key file.
  ASSERT_EQ(::chmod(files_.path("secret/..2026_01/key").c_str(), 0444), 0);
  EXPECT_THAT(read(files_.path("secret/key")), HasSubstr("is open to others (mode 0444)"));
}

TEST_F(KeyFileTest, IsNoLinkThatOthersCouldTurnElsewhere) {
  files_.write("open/a.key", std::string(kPrivateA) + '\n', 0600);
  std::filesystem::create_symlink("open/a.key", files_.path("link.key"));
  EXPECT_EQ(read(files_.path("link.key")), "a key");
  ASSERT_EQ(::chmod(files_.path("open").c_str(), 0777), 0);
  EXPECT_THAT(read(files_.path("link.key")), HasSubstr("can be written by everybody"));
  ASSERT_EQ(::chmod(files_.path("open").c_str(), 0755), 0);
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_EQ(::chown(files_.path("open").c_str(), kNobody, 0), 0);
  EXPECT_THAT(read(files_.path("link.key")), HasSubstr("belongs to user 65534, who could put another key"));
  ASSERT_EQ(::chown(files_.path("open").c_str(), 0, 0), 0);
  ASSERT_EQ(::lchown(files_.path("link.key").c_str(), kNobody, 0), 0);
  EXPECT_THAT(read(files_.path("link.key")), HasSubstr("link.key' belongs to user 65534"));
}

TEST_F(KeyFileTest, IsNoLinkThatLeadsNowhere) {
  std::filesystem::create_symlink("nothere", files_.path("link.key"));
  EXPECT_THAT(read(files_.path("link.key")), HasSubstr("leads nowhere"));
  std::filesystem::create_symlink("loop", files_.path("loop"));
  EXPECT_THAT(read(files_.path("loop")), HasSubstr("leads nowhere"));
}

TEST_F(KeyFileTest, IsNoDirectory) {
  EXPECT_THAT(read(files_.path("")), HasSubstr("is a directory"));
}

TEST_F(KeyFileTest, IsNoDevice) {
  EXPECT_THAT(read("/dev/zero"), HasSubstr("is a device"));
}

TEST_F(KeyFileTest, IsNoFifoAndNeverWaitsForOne) {
  ASSERT_EQ(::mkfifo(files_.path("fifo").c_str(), 0600), 0);
  EXPECT_THAT(read(files_.path("fifo")), HasSubstr("is a FIFO"));
}

TEST_F(KeyFileTest, IsNoSocket) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  files_.path("s").copy(address.sun_path, sizeof address.sun_path - 1);
  const void* const generic = &address;
  ASSERT_EQ(::bind(fd, static_cast<const sockaddr*>(generic), sizeof address), 0);
  EXPECT_THAT(read(files_.path("s")), HasSubstr("is a socket"));
  ::close(fd);
}

TEST_F(KeyFileTest, IsSmall) {
  EXPECT_THAT(read(files_.write("big.key", std::string(129, 'A'), 0600)), HasSubstr("is larger than a key"));
  const std::string huge = files_.write("huge.key", "", 0600);
  std::filesystem::resize_file(huge, std::size_t{1} << 30U);
  EXPECT_THAT(read(huge), HasSubstr("is larger than a key"));
}

TEST_F(KeyFileTest, HoldsAKeyAndWhiteSpaceAtMost) {
  const std::string key(kPrivateA);
  for (const std::string& text : {key, key + "\n", key + "\r\n", key + "  \n\n"}) {
    EXPECT_EQ(read(files_.write("a.key", text, 0600)), "a key") << text;
  }
  for (const std::string& text :
       {std::string(), std::string("\n"), key.substr(1), key + "x", key + "\n" + key, "PrivateKey = " + key,
        std::string(44, '='), std::string(44, '\0'), key.substr(0, 43)}) {
    EXPECT_THAT(read(files_.write("a.key", text, 0600)),
                HasSubstr("holds no key; it should hold 44 characters"))
        << text;
  }
}

TEST_F(KeyFileTest, IsNotZeros) {
  EXPECT_THAT(read(files_.write("a.key", std::string(43, 'A') + "=\n", 0600)), HasSubstr("holds zeros only"));
}

TEST_F(KeyFileTest, NeverShowsWhatItHolds) {
  const std::string key(kPrivateA);
  EXPECT_THAT(read(files_.write("a.key", key + "x", 0600)), Not(HasSubstr(key.substr(0, 6))));
}

TEST_F(KeyFileTest, HoldsAPresharedKeyAsWell) {
  const auto result = read_preshared_key({write_key(0600), false});
  EXPECT_TRUE(std::holds_alternative<crypto::PresharedKey>(result));
  const auto none = read_preshared_key({files_.write("b.key", "?", 0600), false});
  ASSERT_TRUE(std::holds_alternative<KeyFileProblem>(none));
  EXPECT_THAT(std::get<KeyFileProblem>(none).hint, HasSubstr("tunneld genpsk"));
}

class Credential : public KeyFileTest {
 protected:
  ~Credential() override { ::unsetenv("CREDENTIALS_DIRECTORY"); }
  static std::string read_credential() { return in_words(read_private_key({"a.key", true})); }
};

TEST_F(Credential, IsReadFromItsDirectory) {
  ::setenv("CREDENTIALS_DIRECTORY", std::filesystem::path(write_key(0400)).parent_path().c_str(), 1);
  EXPECT_EQ(read_credential(), "a key");
}

TEST_F(Credential, MayShowTheMaskOfAnAclAsItsGroup) {
  ::setenv("CREDENTIALS_DIRECTORY", std::filesystem::path(write_key(0440)).parent_path().c_str(), 1);
  EXPECT_EQ(read_credential(), "a key");
  write_key(0444);
  EXPECT_THAT(read_credential(), HasSubstr("is open to others (mode 0444)"));
}

TEST_F(Credential, CannotBeCheckedOutsideOfItsService) {
  ::unsetenv("CREDENTIALS_DIRECTORY");
  const auto result = read_private_key({"a.key", true});
  ASSERT_TRUE(std::holds_alternative<KeyFileProblem>(result));
  EXPECT_TRUE(std::get<KeyFileProblem>(result).is_not_permitted);
  EXPECT_THAT(in_words(result), HasSubstr("LoadCredential=a.key:FILE"));
}

}  // namespace
}  // namespace tunneld::config
