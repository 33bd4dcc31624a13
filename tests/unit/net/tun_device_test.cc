#include "common/net/tun_device.h"

#include <atomic>
#include <functional>
#include <numeric>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "tests/unit/net/asleep.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::net {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::uint16_t internet_checksum(ByteView bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += load_be16(&bytes[i]);
  if (bytes.size() % 2 != 0) sum += static_cast<std::uint32_t>(bytes.back()) << 8;
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

// An ICMP echo request 10.7.0.`from` -> 10.7.0.1.
Bytes echo_request(std::uint8_t from, std::uint8_t sequence = 1) {
  Bytes packet = {0x45, 0,    0,  28, 0, 1, 0, 0, 64, 1, 0, 0, 10, 7,
                  0,    from, 10, 7,  0, 1, 8, 0, 0,  0, 0, 7, 0,  sequence};
  store_be16(&packet[10], internet_checksum(ByteView(packet).first(20)));
  store_be16(&packet[22], internet_checksum(ByteView(packet).subspan(20)));
  return packet;
}

bool is_echo_reply(ByteView packet) {
  return packet.size() == 28 && packet[9] == 1 && packet[20] == 0;
}

// Reads until a packet satisfies `wanted` or a second has passed in silence. The kernel talks first (router
// solicitations, multicast reports), hence the filter.
std::optional<TunRead> read_until(TunQueue& queue, Bytes& buffer,
                                  const std::function<bool(ByteView)>& wanted) {
  buffer.resize(TunQueue::kMaxPacket);
  for (;;) {
    const TunRead read = queue.read(buffer);
    if (read.status == TunReadStatus::kPacket) {
      if (wanted(ByteView(buffer).first(read.length))) return read;
      continue;
    }
    if (read.status != TunReadStatus::kEmpty) return std::nullopt;
    pollfd watched{.fd = queue.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&watched, 1, 1000) != 1) return std::nullopt;
  }
}

TunError::Reason refusal(const TunOptions& options) {
  try {
    TunDevice device(options);
  } catch (const TunError& error) {
    return error.reason();
  }
  ADD_FAILURE() << "opened";
  return TunError::Reason::kOther;
}

void bring_up(const TunDevice& device) {
  shell("ip addr add 10.7.0.1/24 dev " + device.name() + " && ip link set up dev " + device.name());
}

// The kernel sends 7,001 bytes to 10.7.0.2 as datagrams of 1,000, in one superpacket where the device takes
// it.
std::size_t send_datagram_run() {
  const FileDescriptor sender(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int size = 1000;
  EXPECT_EQ(::setsockopt(sender.get(), SOL_UDP, UDP_SEGMENT, &size, sizeof size), 0);
  sockaddr_in there{};
  there.sin_family = AF_INET;
  there.sin_port = htons(9);
  there.sin_addr.s_addr = htonl(0x0a070002);
  const Bytes run(7001);
  EXPECT_EQ(
      ::sendto(sender.get(), run.data(), run.size(), 0, reinterpret_cast<sockaddr*>(&there), sizeof there),
      static_cast<ssize_t>(run.size()));
  return run.size();
}

using TunDeviceTest = NamespaceTest;
using Reason = TunError::Reason;

TEST_F(TunDeviceTest, DeviceIsMadeAsAsked) {
  TunDevice device({.name = "vpn0", .transmit_queue_length = 777});
  EXPECT_EQ(device.name(), "vpn0");
  EXPECT_EQ(device.interface_index(), ::if_nametoindex("vpn0"));
  EXPECT_FALSE(device.attached());
  EXPECT_EQ(device.queues().size(), 1U);
  EXPECT_TRUE(device.features().checksum && device.features().tcp);
  shell("ip link show vpn0 | grep -q 'qlen 777'");
}

TEST_F(TunDeviceTest, KernelNumbersDevicesWithoutAName) {
  EXPECT_EQ(TunDevice({.name = ""}).name(), "tun0");
  EXPECT_EQ(TunDevice({.name = "vpn%d"}).name(), "vpn0");
}

TEST_F(TunDeviceTest, DeviceIsGoneWithItsObject) {
  { TunDevice device({.name = "vpn0", .queues = 3}); }
  EXPECT_EQ(::if_nametoindex("vpn0"), 0U);
}

std::vector<FileDescriptor> copies_of(TunDevice& device) {
  std::vector<FileDescriptor> copies;
  for (const TunQueue& queue : device.queues()) copies.emplace_back(duplicate(queue.fd()));
  return copies;
}

TEST_F(TunDeviceTest, DeviceWhoseQueuesWereKeptIsTheSame) {
  const TunOptions options{.name = "vpn0", .queues = 2};
  std::vector<FileDescriptor> kept;
  std::uint32_t index = 0;
  {
    TunDevice before(options);
    bring_up(before);
    index = before.interface_index();
    kept = copies_of(before);
  }
  ASSERT_TRUE(TunDevice::are_queues_of(options, kept));
  // More workers than before, or fewer.
  for (const unsigned queues : {2U, 3U, 1U}) {
    TunDevice device({.name = "vpn0", .queues = queues, .multi_queue = true}, std::move(kept));
    EXPECT_EQ(device.interface_index(), index);
    EXPECT_EQ(device.queue_count(), queues);
    EXPECT_TRUE(device.features().tcp);
    ASSERT_EQ(device.queues()[0].write({}, echo_request(2)), TunWriteStatus::kWritten);
    kept = copies_of(device);
  }
  kept.clear();
  EXPECT_EQ(::if_nametoindex("vpn0"), 0U);
}

TEST_F(TunDeviceTest, QueuesOfAnotherDeviceAreNotTaken) {
  const TunOptions options{.name = "vpn0", .queues = 2};
  std::vector<FileDescriptor> kept;
  {
    TunDevice device(options);
    kept = copies_of(device);
    EXPECT_FALSE(TunDevice::are_queues_of({.name = "vpn1", .queues = 2}, kept));
    EXPECT_FALSE(TunDevice::are_queues_of({.name = "vpn0", .kind = DeviceKind::kTap, .queues = 2}, kept));
    EXPECT_FALSE(TunDevice::are_queues_of({.name = "vpn0", .queues = 2, .offload = false}, kept));
  }
  shell("ip link del vpn0");
  EXPECT_FALSE(TunDevice::are_queues_of(options, kept));
  std::vector<FileDescriptor> no_queues;
  no_queues.emplace_back(::open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_FALSE(TunDevice::are_queues_of(options, no_queues));
}

TEST_F(TunDeviceTest, KernelAnswersAPingThroughTheDescriptor) {
  for (const bool offload : {true, false}) {
    TunDevice device({.name = "vpn0", .offload = offload});
    bring_up(device);
    TunQueue& queue = device.queues()[0];
    ASSERT_EQ(queue.write({}, echo_request(2)), TunWriteStatus::kWritten);
    Bytes buffer;
    const auto read = read_until(queue, buffer, is_echo_reply);
    ASSERT_TRUE(read.has_value()) << "offload " << offload;
    EXPECT_EQ(read->header, VirtioNetHeader{});
  }
}

TEST_F(TunDeviceTest, PacketIsGatheredFromItsParts) {
  TunDevice device({.name = "vpn0"});
  bring_up(device);
  TunQueue& queue = device.queues()[0];
  Bytes packet = echo_request(2);
  std::vector<iovec> parts;
  for (std::uint8_t& byte : packet) parts.push_back({&byte, 1});
  ASSERT_EQ(queue.write({}, parts), TunWriteStatus::kWritten);
  Bytes buffer;
  EXPECT_TRUE(read_until(queue, buffer, is_echo_reply).has_value());

  parts.resize(TunQueue::kMaxParts + 1, parts.back());
  EXPECT_EQ(queue.write({}, parts), TunWriteStatus::kRejected);
}

TEST_F(TunDeviceTest, WriteBeforeTheLinkIsUpIsAStatus) {
  TunDevice device({.name = "vpn0"});
  TunQueue& queue = device.queues()[0];
  EXPECT_EQ(queue.write({}, echo_request(2)), TunWriteStatus::kDown);
  Bytes buffer(TunQueue::kMaxPacket);
  EXPECT_EQ(queue.read(buffer).status, TunReadStatus::kEmpty);
  bring_up(device);
  EXPECT_EQ(queue.write({}, echo_request(2)), TunWriteStatus::kWritten);
}

TEST_F(TunDeviceTest, NonsenseIsRejectedAndTheNextPacketPasses) {
  TunDevice device({.name = "vpn0"});
  bring_up(device);
  TunQueue& queue = device.queues()[0];
  EXPECT_EQ(queue.write({.gso_type = 99, .gso_size = 1}, echo_request(2)), TunWriteStatus::kRejected);
  EXPECT_EQ(queue.write({}, Bytes{0xff}), TunWriteStatus::kRejected);
  ASSERT_EQ(queue.write({}, echo_request(2)), TunWriteStatus::kWritten);
  Bytes buffer;
  EXPECT_TRUE(read_until(queue, buffer, is_echo_reply).has_value());
}

TEST_F(TunDeviceTest, DeletionFromOutsideIsSeen) {
  TunDevice device({.name = "vpn0", .queues = 2});
  bring_up(device);
  shell("ip link del vpn0");
  Bytes buffer(TunQueue::kMaxPacket);
  for (TunQueue& queue : device.queues()) {
    pollfd watched{.fd = queue.fd(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&watched, 1, 1000), 1);
    EXPECT_NE(watched.revents & POLLERR, 0);
    EXPECT_EQ(queue.read(buffer).status, TunReadStatus::kGone);
    EXPECT_EQ(queue.write({}, echo_request(2)), TunWriteStatus::kGone);
  }
}

TEST_F(TunDeviceTest, DeletionWakesAReaderThatSleeps) {
  TunDevice device({.name = "vpn0"});
  bring_up(device);
  TunQueue& queue = device.queues()[0];
  std::thread deleter([reader = gettid()] {
    wait_until_asleep(reader);
    shell("ip link del vpn0");
  });
  Bytes buffer;
  EXPECT_FALSE(read_until(queue, buffer, [](ByteView) { return false; }).has_value());
  EXPECT_EQ(queue.read(buffer).status, TunReadStatus::kGone);
  deleter.join();
}

TEST_F(TunDeviceTest, EachFlowKeepsToTheQueueThatItCameBy) {
  TunDevice device({.name = "vpn0", .queues = 4});
  bring_up(device);
  ASSERT_EQ(device.queues().size(), 4U);
  std::uint8_t from = 2;
  for (TunQueue& queue : device.queues()) {
    const std::uint8_t asking = from++;
    // The kernel learns a flow's queue after it has dealt with the packet: the first reply may come anywhere.
    ASSERT_EQ(queue.write({}, echo_request(asking, 1)), TunWriteStatus::kWritten);
    ASSERT_EQ(queue.write({}, echo_request(asking, 2)), TunWriteStatus::kWritten);
    Bytes buffer;
    EXPECT_TRUE(read_until(queue, buffer, [asking](ByteView packet) {
                  return is_echo_reply(packet) && packet[19] == asking && packet[27] == 2;
                }).has_value());
  }
}

TEST_F(TunDeviceTest, DatagramRunsArriveAsSuperpacketsWhereTheKernelHasThem) {
  TunDevice device({.name = "vpn0"});
  if (!device.features().udp) GTEST_SKIP() << "needs Linux 6.2: USO for tun";
  bring_up(device);
  const std::size_t size = send_datagram_run();
  Bytes buffer;
  const auto read =
      read_until(device.queues()[0], buffer, [](ByteView packet) { return packet.size() > 1500; });
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->length, size + 28);
  EXPECT_EQ(read->header.gso_type, kVirtioGsoUdp);
  EXPECT_EQ(read->header.gso_size, 1000);
  EXPECT_EQ(read->header.flags, kVirtioNeedsChecksum);
  EXPECT_EQ(read->header.csum_start, 20);
  EXPECT_EQ(read->header.csum_offset, 6);
}

TEST_F(TunDeviceTest, TapCarriesEthernetFrames) {
  TunDevice device({.name = "lan0", .kind = DeviceKind::kTap});
  EXPECT_EQ(device.kind(), DeviceKind::kTap);
  bring_up(device);
  const Bytes who_has = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0,  0, 0, 0, 9, 8, 6, 0, 1, 8, 0,  6, 4, 0,
                         1,    2,    0,    0,    0,    0,    9, 10, 7, 0, 9, 0, 0, 0, 0, 0, 0, 10, 7, 0, 1};
  ASSERT_EQ(device.queues()[0].write({}, who_has), TunWriteStatus::kWritten);
  Bytes buffer;
  EXPECT_TRUE(read_until(device.queues()[0], buffer, [](ByteView frame) {
                return frame.size() >= 42 && load_be16(&frame[12]) == 0x0806 && frame[21] == 2 &&
                       frame[0] == 2;
              }).has_value());
}

TEST_F(TunDeviceTest, TakenNamesAreRefusedByTheirReason) {
  EXPECT_EQ(refusal({.name = "lo"}), Reason::kWrongKind);
  EXPECT_EQ(refusal({.name = "much-too-long-name"}), Reason::kBadName);
  EXPECT_EQ(refusal({.name = "no/slash"}), Reason::kBadName);

  TunDevice device({.name = "vpn0"});
  TunDevice queues({.name = "vpn1", .queues = 2});
  EXPECT_EQ(refusal({.name = "vpn0"}), Reason::kExists);
  EXPECT_EQ(refusal({.name = "vpn1", .queues = 2}), Reason::kExists);
  EXPECT_EQ(refusal({.name = "vpn0", .kind = DeviceKind::kTap}), Reason::kWrongKind);
  EXPECT_EQ(refusal({.name = "vpn0", .may_attach = true}), Reason::kBusy);
  EXPECT_EQ(refusal({.name = "vpn0", .kind = DeviceKind::kTap, .may_attach = true}), Reason::kWrongKind);
}

TEST_F(TunDeviceTest, AMultiQueueDeviceThatSomebodyUsesIsBusy) {
  // The kernel would give us a share of its packets instead.
  shell("ip tuntap add dev vpn0 mode tun multi_queue");
  auto other = std::make_unique<TunDevice>(TunOptions{.name = "vpn0", .queues = 2, .may_attach = true});
  EXPECT_EQ(refusal({.name = "vpn0", .queues = 2, .may_attach = true}), Reason::kBusy);
  EXPECT_EQ(refusal({.name = "vpn0", .may_attach = true}), Reason::kBusy);
  // Whoever was killed a moment ago is waited for.
  std::jthread end([&other, opener = gettid()] {
    wait_until_asleep(opener);
    other.reset();
  });
  TunDevice device({.name = "vpn0", .queues = 2, .may_attach = true});
  EXPECT_EQ(device.queues().size(), 2U);
}

TEST_F(TunDeviceTest, PersistentDeviceIsTakenOverAndOutlivesUs) {
  shell("ip tuntap add dev vpn0 mode tun");
  EXPECT_EQ(refusal({.name = "vpn0"}), Reason::kExists);
  for (const bool offload : {true, false}) {
    // Its maker chose one queue; asking for more gets that one.
    TunDevice device({.name = "vpn0", .queues = 4, .offload = offload, .may_attach = true});
    EXPECT_TRUE(device.attached());
    ASSERT_EQ(device.queues().size(), 1U);
    shell("ip addr replace 10.7.0.1/24 dev vpn0 && ip link set up dev vpn0");
    ASSERT_EQ(device.queues()[0].write({}, echo_request(2)), TunWriteStatus::kWritten);
    Bytes buffer;
    EXPECT_TRUE(read_until(device.queues()[0], buffer, is_echo_reply).has_value());

    // What one owner leaves to the next: the second did not ask for superpackets.
    send_datagram_run();
    const auto is_run = [](ByteView packet) { return packet.size() >= 1028; };
    const auto read = read_until(device.queues()[0], buffer, is_run);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->length > 1028, device.features().udp);
  }
  EXPECT_NE(::if_nametoindex("vpn0"), 0U);
}

TEST_F(TunDeviceTest, ADeviceIsMadeForProgramsThatAskForOneQueue) {
  {
    TunDevice device({.name = "vpn0", .queues = 4, .multi_queue = false, .may_attach = true});
    EXPECT_EQ(device.queues().size(), 1U);
    device.persist(std::nullopt, std::nullopt);
  }
  shell("ip tuntap del dev vpn0 mode tun");
  EXPECT_EQ(::if_nametoindex("vpn0"), 0U);
  // And one with several queues though one is opened.
  {
    TunDevice device({.name = "vpn0", .multi_queue = true, .may_attach = true});
    EXPECT_EQ(device.queues().size(), 1U);
    device.persist(std::nullopt, std::nullopt);
  }
  // Of a multi-queue device that is there, as many are opened as are asked for.
  EXPECT_EQ(
      TunDevice({.name = "vpn0", .queues = 3, .multi_queue = false, .may_attach = true}).queues().size(), 3U);
}

TEST_F(TunDeviceTest, DeviceWorksOnAfterItMovedToAnotherNamespace) {
  NetworkNamespace target;
  const FileDescriptor path(::open("/proc/thread-self/ns/net", O_RDONLY));  // inherited by `ip`
  near_->enter();
  TunDevice device({.name = "vpn0"});
  shell("ip link set vpn0 netns /proc/self/fd/" + std::to_string(path.get()));
  target.enter();
  bring_up(device);
  ASSERT_EQ(device.queues()[0].write({}, echo_request(2)), TunWriteStatus::kWritten);
  Bytes buffer;
  EXPECT_TRUE(read_until(device.queues()[0], buffer, is_echo_reply).has_value());
}

TEST_F(TunDeviceTest, WithoutTheCapabilityOnlyOnesOwnPersistentDeviceOpens) {
  shell("ip tuntap add dev mine mode tun user 65534 && ip tuntap add dev yours mode tun user 1");
  // A thread of its own: these calls change the calling thread only.
  std::thread([] {
    // The driver's file may be root's alone on this host; this thread gets one for everybody.
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(::mount("tmpfs", "/dev/net", "tmpfs", 0, "mode=755"), 0);
    ASSERT_EQ(::mknod("/dev/net/tun", S_IFCHR, makedev(10, 200)), 0);
    ASSERT_EQ(::syscall(SYS_setresuid, 65534, 65534, 0), 0);
    EXPECT_EQ(refusal({.name = "vpn0"}), Reason::kNotPermitted) << "opened a file of root's";
    ASSERT_EQ(::syscall(SYS_setresuid, 0, 0, 0), 0);
    ASSERT_EQ(::chmod("/dev/net/tun", 0666), 0);
    ASSERT_EQ(::syscall(SYS_setresuid, 65534, 65534, 65534), 0);

    EXPECT_EQ(refusal({.name = "vpn0"}), Reason::kNotPermitted);
    EXPECT_EQ(refusal({.name = "yours", .may_attach = true}), Reason::kNotPermitted);
    EXPECT_TRUE(TunDevice({.name = "mine", .may_attach = true}).attached());
  }).join();
}

}  // namespace
}  // namespace tunneld::net
