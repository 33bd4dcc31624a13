// The journal's native protocol, against a socket that stands in for the journal.
#include "daemon/journald_stream.h"

#include <array>
#include <filesystem>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log_about.h"

namespace tunneld::daemon {
namespace {

using namespace std::string_literals;
using Fields = std::vector<JournalField>;

TEST(JournalEntry, OneLineForEachField) {
  EXPECT_EQ(journal_entry(Fields{{"PRIORITY", "6"}, {"MESSAGE", "peer office: session up = yes"}}),
            "PRIORITY=6\nMESSAGE=peer office: session up = yes\n");
}

TEST(JournalEntry, AValueWithNewlinesHasItsSize) {
  EXPECT_EQ(journal_entry(Fields{{"MESSAGE", "a\nPRIORITY=0"}, {"PRIORITY", "6"}}),
            "MESSAGE\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\nPRIORITY=6\n"s);
}

TEST(JournalEntry, WhatIsNotKnownIsLeftOut) {
  EXPECT_EQ(journal_entry(Fields{{"TUNNELD_PEER", ""}, {"MESSAGE", "x"}}), "MESSAGE=x\n");
}

TEST(JournalEntry, WhatIsTooLongIsCut) {
  EXPECT_LT(journal_entry(Fields{{"MESSAGE", std::string(1 << 20, 'x')}}).size(), std::size_t{64} * 1024);
}

TEST(JournalSubject, InnerScopesAddToOuterOnes) {
  {
    const log::About peer("", "office");
    {
      const log::About event("moved");
      EXPECT_EQ(log::the_subject.peer, "office");
      EXPECT_EQ(log::the_subject.event, "moved");
    }
    EXPECT_EQ(log::the_subject.event, "");
  }
  EXPECT_EQ(log::the_subject.peer, "");
}

class JournaldStreamTest : public testing::Test {
 protected:
  JournaldStreamTest()
      : path_(std::filesystem::temp_directory_path() / ("journald" + std::to_string(::getpid()))) {}
  ~JournaldStreamTest() override { std::filesystem::remove(path_); }
  JournaldStreamTest(const JournaldStreamTest&) = delete;
  JournaldStreamTest& operator=(const JournaldStreamTest&) = delete;

  void listen() {
    journal_ = net::FileDescriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.string().copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(journal_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  /// Empty: there is none.
  [[nodiscard]] std::string take() const {
    std::array<char, 4096> buffer{};
    const ssize_t size = ::recv(journal_.get(), buffer.data(), buffer.size(), 0);
    return size < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(size));
  }

  std::filesystem::path path_;
  net::FileDescriptor journal_;
  const Fields line_{{"MESSAGE", "x"}};
  const Fields notice_{{"PRIORITY", "4"}};
};

TEST_F(JournaldStreamTest, ALineIsADatagram) {
  listen();
  JournaldStream stream(path_);
  EXPECT_TRUE(stream.write(line_, notice_));
  EXPECT_EQ(take(), "MESSAGE=x\n");
}

TEST_F(JournaldStreamTest, WithoutAJournalTheLineIsForSomebodyElse) {
  JournaldStream stream(path_);
  EXPECT_FALSE(stream.write(line_, notice_));
  EXPECT_EQ(stream.dropped(), 0U);
  listen();
  EXPECT_TRUE(stream.write(line_, notice_)) << "it is there now";
}

TEST_F(JournaldStreamTest, AJournalThatDoesNotReadIsNotWaitedForAndTheLostLinesAreCounted) {
  listen();
  JournaldStream stream(path_);
  while (stream.dropped() < 3) ASSERT_TRUE(stream.write(line_, notice_));
  while (!take().empty()) continue;
  EXPECT_TRUE(stream.write(line_, notice_));
  EXPECT_EQ(take(), "PRIORITY=4\nMESSAGE=3 lines of the log dropped: nobody read them\n");
  EXPECT_EQ(take(), "MESSAGE=x\n");
  EXPECT_EQ(stream.dropped(), 0U);
}

}  // namespace
}  // namespace tunneld::daemon
