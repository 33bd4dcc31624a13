// What the helper, which is root, does of a request: the rest is refused, whoever asks.
#include "daemon/host/dns/names_helper.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/net/file_descriptor.h"
#include "daemon/host/dns/resolv_conf_file.h"
#include "tests/unit/host/run_directory_fixture.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::daemon {
namespace {

DnsSet request(DnsKeeper keeper) {
  return {.interface = {.name = "tun0"}, .servers = {}, .search = {}, .keeper = keeper};
}

TEST(NamesHelper, EditsTheHostsFileAndNoOther) {
  DnsSet set = request(DnsKeeper::kFile);
  set.place = "/etc/shadow";
  set.file = real_resolv_conf("/etc/resolv.conf");
  ASSERT_TRUE(vetted(set));
  EXPECT_EQ(vetted(set)->place, "/etc/resolv.conf");
  for (const char* file : {"/etc/shadow", "/run/tunneld/link", "/etc/../etc/shadow", ""}) {
    set.file = file;
    EXPECT_FALSE(vetted(set)) << file;
  }
  // Where NetworkManager's lines are may have been where ours were written.
  set.file = "/run/NetworkManager/resolv.conf";
  EXPECT_TRUE(vetted(set));
}

TEST(NamesHelper, RunsResolvconfAndNoOtherProgram) {
  DnsSet set = request(DnsKeeper::kResolvconf);
  set.place = "../../etc/shadow";
  for (const char* program : {"/bin/sh", "resolvconf", "/run/tunneld/resolvconf", ""}) {
    set.program = program;
    const auto found = vetted(set);
    EXPECT_TRUE(!found || found->program != program) << program;
  }
  set.program = "/usr/sbin/resolvconf";
  ASSERT_TRUE(vetted(set));
  EXPECT_TRUE(vetted(set)->place.ends_with("tun0")) << vetted(set)->place;
}

TEST(NamesHelper, TakesNamesOfInterfacesAlone) {
  for (const char* name : {"", "..", "a/b", "tun0 -a", "sixteen-letters-", "-x"}) {
    DnsSet set = request(DnsKeeper::kResolved);
    set.interface.name = name;
    EXPECT_FALSE(vetted(set)) << name;
  }
  EXPECT_TRUE(vetted(request(DnsKeeper::kResolved)));
}

TEST(NamesHelper, ServesItsOwnNetworkNamespaceAlone) {
  const std::string path = testing::TempDir() + "names-helper." + std::to_string(getpid());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const net::FileDescriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 2), 0);
  const auto is_served = [&](bool elsewhere) {
    bool is_there = true;
    net::FileDescriptor caller;
    std::thread([&] {
      is_there = !elsewhere || ::unshare(CLONE_NEWNET) == 0;
      caller = net::FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      EXPECT_EQ(::connect(caller.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    }).join();
    EXPECT_TRUE(is_there) << "needs root";
    const net::FileDescriptor accepted(::accept(listener.get(), nullptr, nullptr));
    return is_of_our_network(accepted.get());
  };
  EXPECT_TRUE(is_served(false));
  EXPECT_FALSE(is_served(true));
  std::filesystem::remove(path);
}

TEST(NamesHelper, IsNotNeededByRoot) {
  EXPECT_FALSE(needs_names_helper());
}

/// The helper as systemd starts it, in a process of its own, and a daemon that asks it in another. Both see
/// files of this test in the place of the machine's.
class ServingNamesHelperTest : public net::NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped()) return;
    std::filesystem::create_directory(run_);
    for (const auto& file : {hosts_file_, other_file_}) write_file(file, kText);
    address_.sun_family = AF_UNIX;
    (run_ / "tunneld-names.socket").string().copy(address_.sun_path, sizeof address_.sun_path - 1);
    listener_ = net::FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_), 0);
    ASSERT_EQ(::listen(listener_.get(), 2), 0);
    helper_ = ::fork();
    if (helper_ == 0) serve();
  }
  void TearDown() override {
    if (helper_ > 0) {
      ::kill(helper_, SIGKILL);
      ::waitpid(helper_, nullptr, 0);
    }
    NamespaceTest::TearDown();
  }

  /// As errno what a daemon gets that sees `file` as /etc/resolv.conf; 0: its name server is set.
  int ask(const std::filesystem::path& file, bool from_another_network = false) {
    std::filesystem::remove(words_);
    return in_killed_process([&] {
      if (!see(file) || ::mount(run_.c_str(), "/run", nullptr, MS_BIND, nullptr) != 0) return 98;
      if (from_another_network && ::unshare(CLONE_NEWNET) != 0) return 97;
      DnsSet set = request(DnsKeeper::kFile);
      set.servers = {*net::IpAddress::parse("10.8.0.1")};
      set.place = set.file = "/etc/resolv.conf";
      try {
        apply_by_helper(set, std::chrono::seconds(10));
      } catch (const std::system_error& error) {
        write_file(words_, error.what());
        return error.code().value();
      }
      return 0;
    });
  }
  void limit_descriptors(rlim_t most) const {
    const rlimit limit{.rlim_cur = most, .rlim_max = 64};
    ASSERT_EQ(::prlimit(helper_, RLIMIT_NOFILE, &limit, nullptr), 0);
  }
  [[nodiscard]] net::FileDescriptor connect_to_helper() const {
    net::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_), 0);
    return socket;
  }
  [[nodiscard]] std::chrono::nanoseconds processor_time() const {
    clockid_t clock{};
    timespec time{};
    EXPECT_EQ(::clock_getcpuclockid(helper_, &clock), 0);
    EXPECT_EQ(::clock_gettime(clock, &time), 0);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }
  [[nodiscard]] std::string words() const { return read_file(words_); }
  [[nodiscard]] std::string hosts_text() const { return read_file(hosts_file_); }

  static constexpr const char* kText = "nameserver 192.168.1.1\n";
  TemporaryRunDirectory directory_;
  const std::filesystem::path hosts_file_ = directory_.path() / "resolv.conf";
  const std::filesystem::path other_file_ = directory_.path() / "other.conf";
  pid_t helper_ = 0;

 private:
  static bool see(const std::filesystem::path& file) {
    return ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount(file.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0;
  }
  [[noreturn]] void serve() const {
    constexpr int kFromSystemd = 3;
    if (!see(hosts_file_) || ::dup2(listener_.get(), kFromSystemd) < 0) ::_exit(98);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "1", 1);
    try {
      serve_names();
    } catch (const std::exception& error) {
      fprintf(stderr, "in the helper: %s\n", error.what());
    }
    ::_exit(0);
  }

  const std::filesystem::path run_ = directory_.path() / "run";
  const std::filesystem::path words_ = directory_.path() / "words";
  sockaddr_un address_{};
  net::FileDescriptor listener_;
};

TEST_F(ServingNamesHelperTest, WritesNothingForADaemonInAnotherNetworkNamespace) {
  EXPECT_EQ(ask(hosts_file_, true), EXDEV);
  EXPECT_NE(words().find("is in another network namespace"), std::string::npos) << words();
  EXPECT_EQ(hosts_text(), kText);
  ASSERT_EQ(ask(hosts_file_), 0) << words();
  EXPECT_NE(hosts_text().find("nameserver 10.8.0.1"), std::string::npos) << "nothing was tested";
}

TEST_F(ServingNamesHelperTest, WritesNothingForADaemonThatSeesAnotherFile) {
  EXPECT_EQ(ask(other_file_), EXDEV);
  EXPECT_NE(words().find("sees another /etc/resolv.conf"), std::string::npos) << words();
  EXPECT_EQ(hosts_text(), kText);
  EXPECT_EQ(read_file(other_file_), kText);
  ASSERT_EQ(ask(hosts_file_), 0) << words();
  EXPECT_NE(hosts_text().find("nameserver 10.8.0.1"), std::string::npos) << "nothing was tested";
}

TEST_F(ServingNamesHelperTest, WithoutADescriptorLeftWaitsInsteadOfSpinning) {
  using namespace std::chrono_literals;
  ASSERT_EQ(ask(hosts_file_), 0) << words();
  limit_descriptors(4);
  net::FileDescriptor waiting = connect_to_helper();
  const auto before = processor_time();
  std::this_thread::sleep_for(1s);
  EXPECT_LE(processor_time() - before, 100ms) << "of one second";
  limit_descriptors(64);
  waiting = {};
  EXPECT_EQ(ask(hosts_file_), 0) << words();
}

}  // namespace
}  // namespace tunneld::daemon
