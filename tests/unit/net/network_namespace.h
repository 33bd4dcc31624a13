// Network namespaces for tests of the edge: what a test does to addresses and devices is gone when it ends.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include "common/net/file_descriptor.h"

namespace tunneld::net {

inline FileDescriptor current_network_namespace() {
  return FileDescriptor(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

/// Runs a command of iproute2 (or any other) in the calling thread's namespace.
inline void shell(const std::string& command) {
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

/// A namespace of its own; the thread that makes it is in it afterwards, with its loopback up.
class NetworkNamespace {
 public:
  NetworkNamespace() {
    if (::unshare(CLONE_NEWNET) != 0) return;
    fd_ = current_network_namespace();
    shell("sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0");
    shell("ip link set lo up");
  }
  [[nodiscard]] bool works() const { return fd_.is_open(); }
  void enter() const { ASSERT_EQ(::setns(fd_.get(), CLONE_NEWNET), 0); }

 private:
  FileDescriptor fd_;
};

/// The body of each test runs in a fresh namespace; afterwards the thread is back where it was.
class NamespaceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: network namespaces";
    home_ = current_network_namespace();
    near_ = std::make_unique<NetworkNamespace>();
    if (!near_->works()) GTEST_SKIP() << "needs CAP_SYS_ADMIN: unshare(CLONE_NEWNET) was refused";
  }
  void TearDown() override {
    if (home_.is_open()) {
      ASSERT_EQ(::setns(home_.get(), CLONE_NEWNET), 0);
    }
  }

  /// A veth pair between this namespace ("near", 10.9.0.1 and fd09::1) and another ("far", 10.9.0.2 and
  /// fd09::2).
  void connect_far() {
    far_ = std::make_unique<NetworkNamespace>();
    ASSERT_TRUE(far_->works());
    // Without O_CLOEXEC: `ip` names the namespace by this descriptor.
    const FileDescriptor far(::open("/proc/thread-self/ns/net", O_RDONLY));
    near_->enter();
    shell("ip link add near type veth peer name far netns /proc/self/fd/" + std::to_string(far.get()));
    shell("ip link set near up && ip addr add 10.9.0.1/24 dev near && ip addr add fd09::1/64 dev near nodad");
    far_->enter();
    shell("ip link set far up && ip addr add 10.9.0.2/24 dev far && ip addr add fd09::2/64 dev far nodad");
    wait_until_up("far");
    near_->enter();
    wait_until_up("near");
  }

  std::unique_ptr<NetworkNamespace> near_;
  std::unique_ptr<NetworkNamespace> far_;

 private:
  // The kernel starts a device some time after its carrier came; what is sent or received before is lost.
  static void wait_until_up(const std::string& device) {
    shell("timeout 5 sh -c 'until ip link show " + device + " | grep -q \"state UP\"; do sleep 0.01; done'");
  }

  FileDescriptor home_;
};

}  // namespace tunneld::net
