// Each in a child process, which loses what it was told by its namespaces when it ends.
#include "daemon/host/dns/own_namespace.h"

#include <cstring>
#include <filesystem>
#include <functional>

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/host/dns/dns_change.h"
#include "tests/unit/host/run_directory_fixture.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::daemon {
namespace {

/// What `check` returns in a child that may not trace anybody, as a service with CAP_NET_ADMIN alone.
int in_service(const std::function<int()>& check) {
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE);
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, 2> sets{};
    syscall(SYS_capget, &header, sets.data());
    for (std::uint32_t* set : {&sets[0].effective, &sets[0].permitted}) *set &= ~(1U << CAP_SYS_PTRACE);
    syscall(SYS_capset, &header, sets.data());
    _exit(check());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class OwnNamespaceTest : public net::NamespaceTest {
 protected:
  /// A file of our own in the place of the machine's. In a child only.
  [[nodiscard]] int cover_resolv_conf(const std::string& with) const {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return 90;
    return mount(with.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0 ? 0 : 91;
  }
  TemporaryRunDirectory directory_;
};

TEST_F(OwnNamespaceTest, AFileThatMayBeAnothersIsNotWritten) {
  const std::string file = directory_.path() / "resolv.conf";
  write_file(file, "nameserver 192.168.1.1\n");
  const int result = in_service([&] {
    if (const int failed = cover_resolv_conf(file)) return failed;
    // The fixture's namespace is not that of process 1, whose file this may be.
    if (access("/proc/1/ns/net", R_OK) == 0) return 0;  // then the answer would be known
    if (whom_serves("/etc/resolv.conf") != Whose::kUnknown) return 1;
    if (host_namespace() == Whose::kOurs) return 2;
    DnsSet set{.interface = {"tun0"}, .servers = {*net::IpAddress::parse("10.8.0.1")}, .search = {}};
    try {
      prepare_dns(set);
      return 3;
    } catch (const std::system_error& error) {
      if (std::string(error.what()).find("own_resolver") == std::string::npos) return 4;
    }
    set.own_resolver = true;
    prepare_dns(set);
    return set.keeper == DnsKeeper::kFile ? 0 : 5;
  });
  EXPECT_EQ(result, 0);
  EXPECT_EQ(read_file(file), "nameserver 192.168.1.1\n");
}

TEST_F(OwnNamespaceTest, WhatIpNetnsHasMountedIsOfTheNamespaceWithThatName) {
  const auto directory = directory_.path() / "netns";
  std::filesystem::create_directories(directory / "here");
  std::filesystem::create_directories(directory / "there");
  for (const char* name : {"here", "there"})
    write_file(directory / name / "resolv.conf", "nameserver 192.168.1.1\n");
  const auto answer = [&](const char* file_of) {
    return in_service([&] {
      if (const int failed = cover_resolv_conf(directory / file_of / "resolv.conf")) return failed;
      // Names of our own: /run as a whole is covered.
      if (mount("tmpfs", "/run", "tmpfs", 0, nullptr) != 0) return 92;
      std::filesystem::create_directory("/run/netns");
      for (const char* name : {"here", "there"}) write_file(std::string("/run/netns/") + name, "");
      if (mount("/proc/thread-self/ns/net", "/run/netns/here", nullptr, MS_BIND, nullptr) != 0) return 93;
      return static_cast<int>(whom_serves("/etc/resolv.conf"));
    });
  };
  EXPECT_EQ(answer("here"), static_cast<int>(Whose::kOurs));
  EXPECT_EQ(answer("there"), static_cast<int>(Whose::kOthers));
}

TEST_F(OwnNamespaceTest, ASocketIsKnownByTheNamespaceThatItWasBoundIn) {
  const std::string path = directory_.path() / "socket";
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(in_service([&] { return is_bound_in_our_namespace(path) ? 0 : 1; }), 0);
  EXPECT_EQ(in_service([&] {
              if (unshare(CLONE_NEWNET) != 0) return 90;
              return is_bound_in_our_namespace(path) ? 1 : 0;
            }),
            0);
  close(socket);
  // The file stays, and proves nothing any more.
  EXPECT_EQ(in_service([&] { return is_bound_in_our_namespace(path) ? 1 : 0; }), 0);
}

TEST_F(OwnNamespaceTest, AProcessThatIsTheFirstOneItselfProvesNothing) {
  const std::string file = directory_.path() / "resolv.conf";
  write_file(file, "nameserver 192.168.1.1\n");
  const auto as_first = [&]() -> int {
    if (const int failed = cover_resolv_conf(file)) return failed;
    if (getpid() != 1 || mount("proc", "/proc", "proc", 0, nullptr) != 0) return 92;
    struct stat ours {};
    struct stat first {};
    if (stat("/proc/thread-self/ns/net", &ours) != 0 || stat("/proc/1/ns/net", &first) != 0) return 93;
    if (ours.st_ino != first.st_ino) return 94;
    if (whom_serves("/etc/resolv.conf") == Whose::kOurs) return 1;
    return host_namespace() == Whose::kOurs ? 2 : 0;
  };
  // The namespace is that of the children.
  EXPECT_EQ(in_killed_process([&] { return unshare(CLONE_NEWPID) == 0 ? in_killed_process(as_first) : 90; }),
            0);
}

}  // namespace
}  // namespace tunneld::daemon
