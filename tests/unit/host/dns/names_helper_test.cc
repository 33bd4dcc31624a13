// What the helper, which is root, does of a request: the rest is refused, whoever asks.
#include "daemon/host/dns/names_helper.h"

#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/net/file_descriptor.h"
#include "daemon/host/dns/resolv_conf_file.h"

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

}  // namespace
}  // namespace tunneld::daemon
