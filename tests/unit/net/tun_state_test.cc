#include "common/net/tun_state.h"

#include <chrono>
#include <memory>
#include <thread>

#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "common/net/tun_device.h"
#include "common/net/tun_driver.h"
#include "tests/unit/net/asleep.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::net {
namespace {

constexpr unsigned kAllOfTcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

/// Of a device that nobody uses: looks without changing a flag.
TunState state_of(const std::string& device, DeviceKind kind) {
  TunState state = flags_of_tun(device, kind);
  FileDescriptor fd = open_tun_driver();
  std::string name = device;
  const int flags = (kind == DeviceKind::kTun ? IFF_TUN : IFF_TAP) | (state.packet_info ? 0 : IFF_NO_PI) |
                    (state.has_header ? IFF_VNET_HDR : 0) | (state.multi_queue ? IFF_MULTI_QUEUE : 0);
  EXPECT_EQ(attach_patiently(fd, name, flags), 0);
  read_settings(fd, device, state);
  return state;
}

/// As another program does: becomes the user of the device, sets its offloads, and ends.
void use(const std::string& device, int flags, int header_size, unsigned offloads) {
  FileDescriptor fd = open_tun_driver();
  std::string name = device;
  ASSERT_EQ(attach(fd, name, flags), 0);
  ASSERT_EQ(::ioctl(fd.get(), TUNSETVNETHDRSZ, &header_size), 0);
  ASSERT_EQ(::ioctl(fd.get(), TUNSETOFFLOAD, static_cast<unsigned long>(offloads)), 0);
}

using TunStateTest = NamespaceTest;

TEST_F(TunStateTest, ANewDeviceHasNothingOnAndAllWanted) {
  shell("ip tuntap add dev tap0 mode tap");
  const TunState state = state_of("tap0", DeviceKind::kTap);
  EXPECT_EQ(state.offloads, 0U);
  EXPECT_EQ(state.wanted & kAllOfTcp, kAllOfTcp);
  EXPECT_EQ(state.header_size, 10);
  EXPECT_FALSE(state.multi_queue || state.packet_info || state.has_header);
  // One that is not there counts as new.
  EXPECT_EQ(flags_of_tun("tap1", DeviceKind::kTap), TunState{.kind = DeviceKind::kTap});
}

TEST_F(TunStateTest, ADeviceIsPutBackAsItWasMade) {
  for (const DeviceKind kind : {DeviceKind::kTun, DeviceKind::kTap}) {
    for (const char* more : {"", " multi_queue", " pi", " vnet_hdr"}) {
      SCOPED_TRACE(more);
      const std::string mode = kind == DeviceKind::kTun ? "tun" : "tap";
      shell("ip tuntap add dev dev0 mode " + mode + more);
      const TunState before = state_of("dev0", kind);
      TunState told;
      {
        const TunDevice device({.name = "dev0",
                                .kind = kind,
                                .queues = 2,
                                .may_attach = true,
                                .before_change = [&](const std::string& name, const TunState& found) {
                                  EXPECT_EQ(name, "dev0");
                                  told = found;
                                }});
        EXPECT_TRUE(device.features().tcp);
        EXPECT_FALSE(restore("dev0", told)) << "somebody uses it";
        EXPECT_TRUE(flags_of_tun("dev0", kind).has_header);
      }
      EXPECT_EQ(told, before);
      EXPECT_NE(state_of("dev0", kind), before);
      EXPECT_TRUE(restore("dev0", told));
      EXPECT_EQ(state_of("dev0", kind), before);
      EXPECT_TRUE(restore("dev0", told)) << "a second time";
      EXPECT_EQ(state_of("dev0", kind), before);
      shell("ip link del dev0");
    }
  }
}

TEST_F(TunStateTest, WhatItsLastUserHadSetIsPutBackToo) {
  // As QEMU leaves a tap, and an administrator has taken one offload away.
  shell("ip tuntap add dev tap0 mode tap");
  use("tap0", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, 12, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6);
  TunState before = state_of("tap0", DeviceKind::kTap);
  EXPECT_EQ(before.offloads, unsigned{TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6});
  EXPECT_EQ(before.header_size, 12);
  before.wanted &= ~unsigned{TUN_F_TSO6};
  before.offloads &= ~unsigned{TUN_F_TSO6};
  ASSERT_TRUE(restore("tap0", before));
  EXPECT_EQ(state_of("tap0", DeviceKind::kTap), before);
  { const TunDevice device({.name = "tap0", .kind = DeviceKind::kTap, .may_attach = true}); }
  EXPECT_NE(state_of("tap0", DeviceKind::kTap), before);
  EXPECT_TRUE(restore("tap0", before));
  EXPECT_EQ(state_of("tap0", DeviceKind::kTap), before);
}

TEST_F(TunStateTest, ADeviceOfAnotherKindOfThatNameIsLeftAlone) {
  shell("ip tuntap add dev dev0 mode tun");
  const TunState before = state_of("dev0", DeviceKind::kTun);
  EXPECT_FALSE(restore("dev0", {.kind = DeviceKind::kTap, .offloads = TUN_F_CSUM}));
  EXPECT_FALSE(restore("dev0", {.multi_queue = true, .offloads = TUN_F_CSUM}));
  EXPECT_EQ(state_of("dev0", DeviceKind::kTun), before);
  EXPECT_FALSE(restore("lo", before));
}

TEST_F(TunStateTest, AUserThatWasKilledAMomentAgoIsWaitedFor) {
  shell("ip tuntap add dev dev0 mode tun");
  const TunState before = state_of("dev0", DeviceKind::kTun);
  auto killed = std::make_unique<TunDevice>(TunOptions{.name = "dev0", .may_attach = true});
  std::jthread end([&killed, restorer = gettid()] {
    wait_until_asleep(restorer);
    killed.reset();
  });
  EXPECT_TRUE(restore("dev0", before));
  EXPECT_EQ(state_of("dev0", DeviceKind::kTun), before);
}

}  // namespace
}  // namespace tunneld::net
