// The control socket against those who behave and those who do not.
#include "daemon/control_socket.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include <boost/asio/post.hpp>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/json.h"
#include "common/net/file_descriptor.h"
#include "daemon/commands/control_client.h"
#include "daemon/host/run_directory.h"
#include "tests/unit/host/open_fault.h"

namespace {

/// What accept() fails with, as errno; 0: it does not. A limit on descriptors would do, but UBSan needs some
/// to look at an exception that is thrown meanwhile.
std::atomic<int> accept_fault = 0;
std::atomic<int> failed_accepts = 0;
/// The same for socket().
std::atomic<int> socket_fault = 0;

}  // namespace

extern "C" int accept(int fd, sockaddr* address, socklen_t* length) {
  if (accept_fault != 0) {
    ++failed_accepts;
    errno = accept_fault;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_accept4, fd, address, length, 0));
}

extern "C" int socket(int domain, int type, int protocol) noexcept {
  if (socket_fault != 0) {
    errno = socket_fault;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_socket, domain, type, protocol));
}

namespace tunneld::daemon {
namespace {

class ControlSocketTest : public testing::Test {
 protected:
  ControlSocketTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "tunneld-control-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    setenv("TUNNELD_RUN_DIR", directory_.c_str(), 1);
    serve({});
  }
  ~ControlSocketTest() override {
    end();
    std::filesystem::remove_all(directory_);
    unsetenv("TUNNELD_RUN_DIR");
  }

  void serve(const ControlSocket::Patience& patience) {
    end();
    io_.restart();
    server_ = std::make_unique<ControlSocket>(io_, "tun0", patience);
    server_->on("status", ControlSocket::Effect::kReads, [] { return Json{{"answer", 42}}; });
    server_->on("fail", ControlSocket::Effect::kReads, []() -> Json { throw std::runtime_error("no luck"); });
    server_->on("reload", ControlSocket::Effect::kChanges, [] {
      return Json{{"error", "/etc/caf\xe9.yaml: not there"}};
    });
    thread_ = std::thread([this] { io_.run(); });
  }
  void end() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
    server_.reset();
  }
  static net::FileDescriptor connect_raw() {
    net::FileDescriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = control_path("tun0");
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  /// Sends, and reads until a newline or the end.
  static std::string exchange(const net::FileDescriptor& fd, const std::string& request) {
    if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return {};
    std::string reply;
    char byte = 0;
    while (read(fd.get(), &byte, 1) == 1) {
      reply += byte;
      if (byte == '\n') break;
    }
    return reply;
  }

  std::filesystem::path directory_;
  boost::asio::io_context io_{1};
  std::unique_ptr<ControlSocket> server_;
  std::thread thread_;
};

TEST_F(ControlSocketTest, AnswerWithAFileNameThatIsNoUtf8) {
  const auto fd = connect_raw();
  EXPECT_EQ(exchange(fd, "{\"command\": \"reload\"}\n"),
            "{\"error\":\"/etc/caf\xef\xbf\xbd.yaml: not there\"}\n");
}

TEST_F(ControlSocketTest, AHandlerThatFailsEndsNothing) {
  const auto fd = connect_raw();
  EXPECT_EQ(exchange(fd, "{\"command\": \"fail\"}\n"), "{\"error\":\"no luck\"}\n");
  EXPECT_EQ(exchange(fd, "{\"command\": \"status\"}\n"), "{\"answer\":42}\n");
}

TEST_F(ControlSocketTest, AnswersWhatIsAsked) {
  EXPECT_EQ(ask("tun0", "status"), (Json{{"answer", 42}}));
  EXPECT_EQ(running_interfaces(), std::vector<std::string>{"tun0"});
  EXPECT_EQ(choose_interface(""), "tun0");
}

TEST_F(ControlSocketTest, SeveralRequestsFollowOnOneConnection) {
  const auto fd = connect_raw();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(exchange(fd, "{\"command\": \"status\"}\n"), "{\"answer\":42}\n");
}

TEST_F(ControlSocketTest, IsForItsOwnerAlone) {
  struct stat status {};
  ASSERT_EQ(stat(control_path("tun0").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0077, 0U);
}

// --- A group that may read

/// What a process without privileges gets, with these supplementary groups: the first one is `gid`.
class ReadersTest : public ControlSocketTest {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
    std::filesystem::permissions(directory_, std::filesystem::perms(0755));
  }
  void let_read(std::optional<std::uint32_t> group) {
    std::promise<void> done;
    boost::asio::post(io_, [&] {
      server_->set_readers(group);
      done.set_value();
    });
    done.get_future().wait();
  }
  /// The answer to a request, or why there is none.
  /// `before_another`: called after the first answer; the result is then that of a second request on the same
  /// connection.
  static std::string as_nobody(std::vector<gid_t> groups, const std::string& command,
                               const std::function<void()>& before_another = {}) {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    const pid_t child = fork();
    if (child == 0) {
      std::string reply = "cannot become nobody";
      if (setgroups(groups.size(), groups.data()) == 0 &&
          setgid(groups.empty() ? 65534 : groups.front()) == 0 && setuid(65534) == 0) {
        const net::FileDescriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        control_path("tun0").string().copy(address.sun_path, sizeof address.sun_path - 1);
        reply = connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0
                    ? strerror(errno)
                    : exchange(fd, R"({"command": ")" + command + "\"}\n");
        char byte = 'x';
        if (before_another && write(ends[1], &byte, 1) == 1 && read(ends[1], &byte, 1) == 1)
          reply = exchange(fd, R"({"command": ")" + command + "\"}\n");
      }
      (void)!write(ends[1], reply.data(), reply.size());
      _exit(0);
    }
    close(ends[1]);
    if (char byte = 0; before_another) {
      EXPECT_EQ(read(ends[0], &byte, 1), 1);
      before_another();
      EXPECT_EQ(write(ends[0], &byte, 1), 1);
    }
    std::string reply(4096, '\0');
    const ssize_t got = read(ends[0], reply.data(), reply.size());
    close(ends[0]);
    waitpid(child, nullptr, 0);
    reply.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return reply;
  }
};

TEST_F(ReadersTest, MayAskForTheStatusAndChangeNothing) {
  let_read(4242);
  EXPECT_EQ(as_nobody({4242}, "status"), "{\"answer\":42}\n");
  EXPECT_EQ(as_nobody({65534, 4242}, "status"), "{\"answer\":42}\n") << "a supplementary group";
  std::vector<gid_t> many(100);
  std::iota(many.begin(), many.end(), 5000);
  many.push_back(4242);
  EXPECT_EQ(as_nobody(many, "status"), "{\"answer\":42}\n") << "the last of many";
  EXPECT_NE(as_nobody({4242}, "reload").find("may only read"), std::string::npos);
  EXPECT_EQ(ask("tun0", "status")["answer"], 42) << "root as ever";
  EXPECT_THROW((void)ask("tun0", "reload"), ControlError);
}

TEST_F(ReadersTest, AreTheMembersOfOneGroupAlone) {
  EXPECT_EQ(as_nobody({4242}, "status"), strerror(EACCES)) << "nobody, unless a group is set";
  let_read(4242);
  EXPECT_EQ(as_nobody({4243}, "status"), strerror(EACCES));
  let_read(4243);
  EXPECT_EQ(as_nobody({4243}, "status"), "{\"answer\":42}\n");
  EXPECT_EQ(as_nobody({4242}, "status"), strerror(EACCES)) << "a reload has named another group";
  let_read(std::nullopt);
  EXPECT_EQ(as_nobody({4243}, "status"), strerror(EACCES));
}

TEST_F(ReadersTest, CannotKeepRootOut) {
  let_read(4242);
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    const gid_t group = 4242;
    if (setgroups(1, &group) != 0 || setgid(group) != 0 || setuid(65534) != 0) _exit(1);
    std::vector<net::FileDescriptor> silent;
    for (int i = 0; i < 40; ++i) silent.push_back(connect_raw());
    (void)!write(ends[1], "x", 1);
    sleep(10);
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);
  for (int i = 0; i < 5; ++i) EXPECT_NO_THROW(EXPECT_EQ(ask("tun0", "status")["answer"], 42));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  for (const int end : ends) close(end);
}

TEST_F(ReadersTest, GetNoMoreAnswersOnceTheirGroupHasLostTheRight) {
  let_read(4242);
  EXPECT_EQ(as_nobody({4242}, "status", [] {}), "{\"answer\":42}\n");
  EXPECT_EQ(as_nobody({4242}, "status", [this] { let_read(std::nullopt); }), "");
}

TEST_F(ReadersTest, CannotKeepTheDaemonBusy) {
  let_read(4242);
  std::string last;
  for (int i = 0; i < 200 && last.find("too often") == last.npos; ++i) last = as_nobody({4242}, "status");
  EXPECT_NE(last.find("too often"), std::string::npos);
  EXPECT_EQ(ask("tun0", "status")["answer"], 42) << "root is not counted";
}

TEST_F(ReadersTest, AreToldApartByTheSocketWhereItsFileIsForAll) {
  let_read(4242);
  std::filesystem::permissions(control_path("tun0"), std::filesystem::perms(0666));
  EXPECT_EQ(as_nobody({4242}, "status"), "{\"answer\":42}\n");
  // The reason is lost where the request comes later than the refusal.
  const auto is_refused = testing::AnyOf(testing::HasSubstr("not permitted"), "");
  EXPECT_THAT(as_nobody({4243}, "status"), is_refused);
  EXPECT_THAT(as_nobody({}, "status"), is_refused);
}

TEST_F(ControlSocketTest, NonsenseGetsAnErrorAndNothingElseHappens) {
  using namespace std::string_literals;
  const std::string nul = "{\"command\": \"sta\0tus\"}\n"s;
  for (const std::string& request :
       {std::string("nonsense\n"), std::string("{}\n"), std::string("[]\n"),
        std::string("{\"command\": 7}\n"), std::string("{\"command\": \"unknown\"}\n"),
        std::string("{\"command\": \"stat\n"), nul, std::string(2000, '[') + "\n", std::string("\n")}) {
    const auto fd = connect_raw();
    EXPECT_NE(exchange(fd, request).find("\"error\""), std::string::npos) << request.substr(0, 40);
  }
  EXPECT_EQ(ask("tun0", "status")["answer"], 42);
}

TEST_F(ControlSocketTest, AnEndlessLineEndsTheConnection) {
  const auto fd = connect_raw();
  EXPECT_EQ(exchange(fd, std::string(100000, 'x')), "");
  EXPECT_EQ(ask("tun0", "status")["answer"], 42);
}

TEST_F(ControlSocketTest, WhoHangsUpInTheMiddleHarmsNobody) {
  for (int i = 0; i < 50; ++i) {
    const auto fd = connect_raw();
    const std::string half = "{\"command\": \"status\"}\n";
    ASSERT_GE(send(fd.get(), half.data(), static_cast<std::size_t>(i) % half.size() + 1, MSG_NOSIGNAL), 0);
  }
  EXPECT_EQ(ask("tun0", "status")["answer"], 42);
}

TEST_F(ControlSocketTest, MoreThan32ConnectionsAreRefusedAndSilentOnesLeaveAfterAWhile) {
  EXPECT_EQ(ControlSocket::Patience().idle, std::chrono::seconds(5));
  serve({.idle = std::chrono::seconds(2)});
  const auto is_answered = [] {
    try {
      return ask("tun0", "status")["answer"] == 42;
    } catch (const ControlError&) {
      return false;
    }
  };
  // Asked once each time: an answer, too, is a connection for a moment.
  const auto comes_true = [](const auto& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < end) {
      if (holds()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  };
  std::vector<net::FileDescriptor> silent;
  // One after the other, so that the loop has taken those before.
  EXPECT_TRUE(comes_true([&] {
    if (silent.size() < 32) silent.push_back(connect_raw());
    return silent.size() == 32 && !is_answered();
  }));
  EXPECT_TRUE(comes_true(is_answered));
}

TEST_F(ControlSocketTest, WithoutADescriptorLeftWaitsInsteadOfSpinning) {
  using namespace std::chrono_literals;
  EXPECT_EQ(ControlSocket::Patience().after_failed_accept, 200ms);
  serve({.after_failed_accept = 50ms});
  accept_fault = EMFILE;
  failed_accepts = 0;
  const auto begin = std::chrono::steady_clock::now();
  const auto fd = connect_raw();
  while (failed_accepts < 3 && std::chrono::steady_clock::now() - begin < 20s) std::this_thread::yield();
  EXPECT_GE(failed_accepts, 3);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 100ms) << "a try each 50 ms";
  accept_fault = 0;
  EXPECT_EQ(exchange(fd, "{\"command\": \"status\"}\n"), "{\"answer\":42}\n");
}

TEST_F(ControlSocketTest, ADaemonThatHangsIsNotWaitedForWithoutLimit) {
  using namespace std::chrono_literals;
  std::promise<void> wake;
  server_->on("hang", ControlSocket::Effect::kReads, [&wake]() -> Json {
    wake.get_future().wait();
    return {};
  });
  const auto waits_and_says = [](const std::string& command) -> std::string {
    const auto begin = std::chrono::steady_clock::now();
    try {
      (void)ask("tun0", command, 300ms);
    } catch (const ControlError& error) {
      const auto took = std::chrono::steady_clock::now() - begin;
      EXPECT_TRUE(took >= 300ms && took < 3s);
      EXPECT_EQ(error.code(), ExitCode::kRuntimeFailure);
      return error.what();
    }
    return "answered";
  };
  EXPECT_NE(waits_and_says("hang").find("has not answered"), std::string::npos);
  EXPECT_NE(waits_and_says("status").find("has not answered"), std::string::npos) << "one that comes later";
  // More than the kernel lets wait to be accepted.
  std::vector<net::FileDescriptor> others;
  for (bool has_room = true; has_room && others.size() < 10'000;) {
    others.emplace_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = control_path("tun0");
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    has_room = connect(others.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  EXPECT_NE(waits_and_says("status").find("has not answered"), std::string::npos) << "one of too many";
  wake.set_value();
}

// `client remove` would say that nobody runs, and the session would go on.
TEST_F(ControlSocketTest, ADaemonThatCannotBeAskedIsNotTakenForOneThatDoesNotRun) {
  socket_fault = EMFILE;
  try {
    (void)ask("tun0", "status");
    ADD_FAILURE() << "it was asked without a descriptor";
  } catch (const ControlError& error) {
    EXPECT_EQ(dynamic_cast<const NotRunning*>(&error), nullptr) << error.what();
    EXPECT_NE(std::string(error.what()).find("Too many open files"), std::string::npos) << error.what();
  }
  socket_fault = 0;
  open_fault = EMFILE;
  EXPECT_THROW((void)running_interfaces(), ControlError);
  open_fault = 0;
  EXPECT_EQ(running_interfaces(), std::vector<std::string>{"tun0"});
}

TEST(ControlClient, SaysThatNobodyIsThere) {
  setenv("TUNNELD_RUN_DIR", "/nonexistent", 1);
  try {
    static_cast<void>(ask("tun0", "status"));
    FAIL() << "nobody should answer";
  } catch (const ControlError& error) {
    EXPECT_EQ(error.code(), ExitCode::kRuntimeFailure);
    EXPECT_NE(std::string(error.what()).find("tun0"), std::string::npos);
  }
  EXPECT_TRUE(running_interfaces().empty());
  unsetenv("TUNNELD_RUN_DIR");
}

}  // namespace
}  // namespace tunneld::daemon
