// A log that nobody reads: it waits for nobody, loses whole lines only, and says how many.
#include "daemon/log_stream.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

namespace tunneld::daemon {
namespace {

struct Ends {
  net::FileDescriptor reader;
  net::FileDescriptor writer;
};

Ends pipe_ends() {
  std::array<int, 2> fds{};
  EXPECT_EQ(pipe2(fds.data(), O_CLOEXEC), 0);
  return {net::FileDescriptor(fds[0]), net::FileDescriptor(fds[1])};
}
Ends socket_ends() {
  std::array<int, 2> fds{};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
  return {net::FileDescriptor(fds[0]), net::FileDescriptor(fds[1])};
}

/// What waits there now.
std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, 100) != 1) return text;
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

/// Writes far more than fits, reads it, and expects whole lines in order, then the number of the others.
void expect_loss_without_waiting(const Ends& ends) {
  LogStream stream(ends.writer.get());
  constexpr std::uint64_t kLines = 20'000;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < kLines; ++i)
    stream.write("line " + std::to_string(i) + std::string(100, '.') + "\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  const std::uint64_t dropped = stream.dropped();
  ASSERT_GT(dropped, 0U);
  std::string text = read_all(ends.reader.get());
  stream.write("after\n", "<4>");
  EXPECT_EQ(stream.dropped(), 0U);
  text += read_all(ends.reader.get());
  std::string expected;
  for (std::uint64_t i = 0; i < kLines - dropped; ++i)
    expected += "line " + std::to_string(i) + std::string(100, '.') + "\n";
  expected += "<4>" + std::to_string(dropped) + " lines of the log dropped: nobody read them\nafter\n";
  EXPECT_TRUE(text == expected) << text.substr(text.size() - std::min<std::size_t>(text.size(), 400));
  EXPECT_EQ(fcntl(ends.writer.get(), F_GETFL) & O_NONBLOCK, 0) << "the flag is of all who share it";
}

TEST(LogStream, AFullPipeIsNotWaitedFor) {
  expect_loss_without_waiting(pipe_ends());
}

TEST(LogStream, AFullSocketIsNotWaitedFor) {
  expect_loss_without_waiting(socket_ends());
}

TEST(LogStream, ALineLongerThanThePipeIsFinishedBeforeTheNext) {
  const Ends ends = pipe_ends();
  LogStream stream(ends.writer.get());
  const std::string line(200'000, 'x');
  stream.write(line + "\n");
  stream.write("lost\n");
  std::string text;
  while (text.size() < line.size()) {
    text += read_all(ends.reader.get());
    if (text.size() < line.size()) stream.write("lost\n");
  }
  stream.write("next\n");
  text += read_all(ends.reader.get());
  ASSERT_TRUE(text.starts_with(line + "\n"));
  const std::string after = text.substr(line.size() + 1);
  // The first that found room tells of the others.
  EXPECT_EQ(after.find(" of the log dropped: nobody read them\n"), after.find(' ', after.find(' ') + 1))
      << after;
  EXPECT_TRUE(after.ends_with("\nnext\n")) << after;
}

TEST(LogStream, AStoppedTerminalIsNotWaitedFor) {
  int master = -1;
  int terminal = -1;
  if (openpty(&master, &terminal, nullptr, nullptr, nullptr) != 0) GTEST_SKIP() << "no terminals here";
  const net::FileDescriptor ours(master);
  const net::FileDescriptor theirs(terminal);
  ASSERT_EQ(tcflow(terminal, TCOOFF), 0);
  LogStream stream(terminal);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) stream.write(std::string(100, '.') + "\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  EXPECT_GT(stream.dropped(), 900U);
  ASSERT_EQ(tcflow(terminal, TCOON), 0);
  (void)read_all(master);
  stream.write("after\n");
  EXPECT_NE(read_all(master).find("after"), std::string::npos);
}

TEST(LogStream, APipeThatNobodyHoldsAnyMoreHarmsNobody) {
  Ends ends = pipe_ends();
  LogStream stream(ends.writer.get());
  ends.reader = net::FileDescriptor();
  signal(SIGPIPE, SIG_IGN);
  stream.write("nobody\n");
  EXPECT_EQ(stream.dropped(), 1U);
}

}  // namespace
}  // namespace tunneld::daemon
