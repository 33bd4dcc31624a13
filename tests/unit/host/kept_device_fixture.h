// A network namespace with a device that outlives whoever uses it, so that what is not undone shows.
#pragma once

#include <array>
#include <cstdio>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/host/run_directory_fixture.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::daemon {

/// Standard output of a command, run in this thread's network namespace.
inline std::string output_of(const std::string& command) {
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> part;
  while (const std::size_t length = fread(part.data(), 1, part.size(), pipe))
    output.append(part.data(), length);
  pclose(pipe);
  return output;
}

/// "kept": a persistent tun, down. "other": a veth that belongs to somebody else, with 10.50.0.1/24 and
/// routes.
class KeptDeviceTest : public net::NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped()) return;
    make_kept();
    net::shell("ip link add other type veth peer name end && ip link set end up && ip link set other up");
    net::shell("ip address add 10.50.0.1/24 dev other && ip route add 10.60.0.0/16 via 10.50.0.2 metric 7");
    net::shell("timeout 5 sh -c 'until ip link show other | grep -q \"state UP\"; do sleep 0.01; done'");
  }
  static void make_kept() {
    // Once up and down again: the kernel gives a device its queueing discipline the first time, for good.
    net::shell("ip tuntap add dev kept mode tun && ip link set kept up && ip link set kept down");
  }
  /// What matters most of it, in a tenth of the time.
  static std::string quick_state() {
    return output_of(
        "printf 'address\\nlink\\nroute show table all\\nrule\\n' | ip -d -4 -batch -;"
        "printf 'address\\nroute show table all\\nrule\\n' | ip -d -6 -batch -;"
        "grep -H '' /proc/sys/net/ipv4/conf/all/src_valid_mark; ls $TUNNELD_RUN_DIR");
  }
  static std::string host_state() { return output_of(TUNNELD_SOURCE_DIR "/tests/e2e/host_state.sh"); }

  TemporaryRunDirectory directory_;
};

}  // namespace tunneld::daemon
