// A data worker between a device and a socket: sockets stand in for the device's queue, a session that two
// simulated tunnels have made for the handshakes.
#include "daemon/data_worker.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <thread>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "common/net/system_clock.h"
#include "common/protocol/cookie.h"
#include "common/system_error.h"
#include "tests/simulation/simulated_network.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::daemon {
namespace {

using simulation::inner_packet;
using simulation::Node;

/// One end is a queue of the device, the other what the kernel would do at the device.
struct Queue {
  explicit Queue(int room = 4 << 20) {
    std::array<int, 2> ends{};
    checked(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
    for (const int end : ends) ::setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    kernel = net::FileDescriptor(ends[0]);
    queues.emplace_back(net::FileDescriptor(ends[1]), false);
  }
  /// False: the queue is full.
  [[nodiscard]] bool put(const std::vector<std::uint8_t>& packet) const {
    return ::send(kernel.get(), packet.data(), packet.size(), 0) == static_cast<ssize_t>(packet.size());
  }
  /// The next packet that was written into the device; empty: none came in time.
  [[nodiscard]] std::vector<std::uint8_t> take(int milliseconds = 5000) const {
    pollfd ready{kernel.get(), POLLIN, 0};
    if (::poll(&ready, 1, milliseconds) <= 0) return {};
    std::vector<std::uint8_t> packet(net::TunQueue::kMaxPacket);
    const ssize_t size = ::recv(kernel.get(), packet.data(), packet.size(), 0);
    packet.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return packet;
  }

  net::FileDescriptor kernel;
  std::vector<net::TunQueue> queues;
};

std::uint64_t id_of(const std::vector<std::uint8_t>& packet) {
  return packet.size() < 36 ? 0 : load_le<std::uint64_t>(packet.data() + 28);
}

/// A host: device, socket, tunnel; its worker starts when it is told to.
struct Host {
  Host(simulation::Network& network, const std::string& inside)
      : sockets(net::open_udp_sockets({})),
        node(network, "127.0.0.1:" + std::to_string(sockets.front().port()), inside),
        wake(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
        signals{.wake_fd = wake.get()} {}
  void start() {
    worker = std::make_unique<DataWorker>(0, node.plane, device.queues, sockets.front(), lanes,
                                          net::TunFeatures(), signals);
  }
  [[nodiscard]] std::uint64_t dropped(protocol::Drop reason) const {
    std::uint64_t sum = 0;
    for (const auto& drops : node.plane.drops) sum += drops.get(reason);
    return sum;
  }

  Queue device;
  std::vector<net::UdpSocket> sockets;
  std::vector<net::UdpSocket> lanes;
  Node node;
  net::FileDescriptor wake;
  WorkerSignals signals;
  std::unique_ptr<DataWorker> worker;
};

class DataWorkerTest : public net::NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped()) return;
    // The workers' clock is the real one.
    network_.clock = net::boot_now().time_since_epoch();
    a_ = std::make_unique<Host>(network_, "10.0.0.1");
    b_ = std::make_unique<Host>(network_, "10.0.0.2");
    a_->node.add_peer(b_->node, true);
    b_->node.add_peer(a_->node, true);
    a_->node.send(b_->node, 1);
    network_.run_for(std::chrono::seconds(1));
    ASSERT_EQ(b_->node.delivered.size(), 1U) << "no session";
    // What is in the doors is of the simulation.
    a_->node.turn();
    b_->node.turn();
  }
  static std::vector<std::uint8_t> packet(const Host& from, const Host& to, std::uint64_t id,
                                          std::size_t size = 36) {
    std::vector<std::uint8_t> bytes = inner_packet(from.node.inside, to.node.inside, id);
    bytes.resize(size);
    store_be16(&bytes[2], static_cast<std::uint16_t>(size));
    store_be16(&bytes[24], static_cast<std::uint16_t>(size - 20));
    store_be16(&bytes[10], 0);
    net::set_ipv4_checksum(bytes.data(), 20);
    return bytes;
  }
  /// How often the thread of this name has gone to sleep by itself.
  static std::uint64_t sleeps_of(const std::string& name) {
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      std::string comm;
      std::ifstream(task.path() / "comm") >> comm;
      if (comm != name) continue;
      std::ifstream status(task.path() / "status");
      for (std::string word; status >> word;) {
        std::uint64_t count = 0;
        if (word == "voluntary_ctxt_switches:" && status >> count) return count;
      }
    }
    ADD_FAILURE() << "no thread " << name;
    return 0;
  }

  simulation::Network network_{1};
  std::unique_ptr<Host> a_;
  std::unique_ptr<Host> b_;
};

TEST_F(DataWorkerTest, PacketsCrossBothWaysInOrder) {
  a_->start();
  b_->start();
  for (std::uint64_t id = 1; id <= 100; ++id) {
    ASSERT_TRUE(a_->device.put(packet(*a_, *b_, id)));
    ASSERT_TRUE(b_->device.put(packet(*b_, *a_, 1000 + id)));
  }
  for (std::uint64_t id = 1; id <= 100; ++id) {
    EXPECT_EQ(b_->device.take(), packet(*a_, *b_, id));
    EXPECT_EQ(a_->device.take(), packet(*b_, *a_, 1000 + id));
  }
}

TEST_F(DataWorkerTest, WhatWaitsInTheDeviceLeavesInFewSends) {
  net::UdpSocket& far = b_->sockets.front();
  if (!a_->sockets.front().segments() || !far.coalesces()) GTEST_SKIP() << "no UDP_SEGMENT here";
  constexpr std::uint64_t kCount = 40;
  for (std::uint64_t id = 1; id <= kCount; ++id) ASSERT_TRUE(a_->device.put(packet(*a_, *b_, id, 400)));
  a_->start();
  net::ReceiveBatch batch;
  std::size_t segments = 0;
  std::size_t sends = 0;
  pollfd ready{far.fd(), POLLIN, 0};
  while (segments<kCount&& ::poll(&ready, 1, 5000)> 0) {
    far.receive(batch);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      ++sends;
      segments += (batch[i].data.size() + batch[i].segment_size - 1) / batch[i].segment_size;
    }
  }
  EXPECT_EQ(segments, kCount);
  EXPECT_LE(sends, 3U) << "packets that waited together were sent one by one";
}

TEST_F(DataWorkerTest, UnderLoadTheDeviceIsReadByASecondThreadAndGivenBackWhenItIsQuiet) {
  a_->start();
  b_->start();
  // One packet at a time: the second thread sleeps.
  for (std::uint64_t id = 1; id <= 20; ++id) {
    ASSERT_TRUE(a_->device.put(packet(*a_, *b_, id)));
    ASSERT_EQ(id_of(b_->device.take()), id);
  }
  const std::uint64_t idle = sleeps_of("out-0");
  const Instant end = net::boot_now() + std::chrono::seconds(20);
  std::uint64_t id = 1000;
  // Until it has been seen at work.
  while (sleeps_of("out-0") < idle + 4 && net::boot_now() < end) {
    for (int i = 0; i < 100 && a_->device.put(packet(*a_, *b_, id, 1400)); ++i) ++id;
    while (!b_->device.take(0).empty()) {
    }
  }
  EXPECT_GE(sleeps_of("out-0"), idle + 4) << "a busy worker reads and receives with one thread";
  while (!b_->device.take(200).empty()) {
  }
  const std::uint64_t given_back = sleeps_of("out-0");
  for (std::uint64_t ping = 1; ping <= 50; ++ping) {
    ASSERT_TRUE(a_->device.put(packet(*a_, *b_, ping)));
    ASSERT_EQ(id_of(b_->device.take()), ping);
  }
  EXPECT_EQ(sleeps_of("out-0"), given_back) << "a quiet worker wakes two threads for a packet";
}

TEST_F(DataWorkerTest, ADeviceThatTakesNoMoreCostsPacketsAndIsCounted) {
  a_->start();
  b_->start();
  std::uint64_t id = 0;
  const Instant end = net::boot_now() + std::chrono::seconds(30);
  while (b_->dropped(protocol::Drop::kDeviceRefused) == 0 && net::boot_now() < end) {
    for (int i = 0; i < 50; ++i) (void)a_->device.put(packet(*a_, *b_, ++id, 1400));
  }
  ASSERT_GT(b_->dropped(protocol::Drop::kDeviceRefused), 0U);
  while (!b_->device.take(300).empty()) {
  }
  ASSERT_TRUE(a_->device.put(packet(*a_, *b_, 7)));
  EXPECT_EQ(id_of(b_->device.take()), 7U) << "the worker did not go on";
}

TEST_F(DataWorkerTest, WhatIsNoneOfOursIsCountedAndReachesNoDevice) {
  b_->start();
  const auto stranger = net::open_udp_sockets({});
  std::array<std::uint8_t, 64> garbage{};
  garbage.fill(0xaa);
  std::array<std::uint8_t, 64> unknown{4};  // data for an index that nobody has
  net::UdpSocket& socket = const_cast<net::UdpSocket&>(stranger.front());
  const net::Endpoint to = simulation::endpoint(b_->node.outside);
  for (const auto* bytes : {&garbage, &unknown}) {
    socket.send_segments(to, *bytes, bytes->size(), 0);
  }
  const Instant end = net::boot_now() + std::chrono::seconds(5);
  while (b_->dropped(protocol::Drop::kUnknownIndex) == 0 && net::boot_now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(b_->dropped(protocol::Drop::kUnknownIndex), 1U);
  EXPECT_EQ(b_->dropped(protocol::Drop::kMalformed), 1U);
  EXPECT_TRUE(b_->device.take(50).empty());
}

TEST_F(DataWorkerTest, AHandshakeMessageGoesThroughTheDoorAndWakesTheControlThread) {
  b_->start();
  net::UdpSocket& socket = a_->sockets.front();
  protocol::InitiationMessage message{};
  protocol::CookieJar(b_->node.tunnel->public_key()).add_macs(message, net::boot_now());
  const ByteView bytes = protocol::as_bytes(message);
  socket.send_segments(simulation::endpoint(b_->node.outside), bytes, bytes.size(), 0);
  pollfd woken{b_->wake.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&woken, 1, 5000), 1) << "the control thread sleeps on";
  std::size_t seen = 0;
  for (const auto& door : b_->node.plane.doors) {
    while (door->pop_strangers([&](const protocol::DoorRecord& record, MutableBytes payload) {
      EXPECT_EQ(record.notice, protocol::Notice::kHandshakeMessage);
      EXPECT_TRUE(std::ranges::equal(payload, bytes));
      EXPECT_EQ(record.endpoint.remote.port, socket.port());
      ++seen;
    })) {
    }
  }
  EXPECT_EQ(seen, 1U);
}

TEST_F(DataWorkerTest, AnIdleWorkerMovesWhenItIsPoked) {
  a_->start();
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t before = a_->worker->inbound_turns();
    a_->worker->poke();
    for (int tries = 0; tries < 500 && a_->worker->inbound_turns() == before; ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_GT(a_->worker->inbound_turns(), before) << "poke " << i;
  }
  EXPECT_EQ(a_->worker->outbound_turns(), std::nullopt) << "it has no device";
}

TEST_F(DataWorkerTest, ASocketThatHasBecomeAnotherIsReceivedFrom) {
  a_->start();
  b_->start();
  const auto fresh = net::open_udp_sockets({});
  ASSERT_FALSE(b_->sockets.front().become(fresh.front()));
  b_->worker->socket_is_another();
  // What b sends tells a where it is now.
  ASSERT_TRUE(b_->device.put(packet(*b_, *a_, 5)));
  EXPECT_EQ(id_of(a_->device.take()), 5U);
  ASSERT_TRUE(a_->device.put(packet(*a_, *b_, 6)));
  EXPECT_EQ(id_of(b_->device.take()), 6U);
}

}  // namespace
}  // namespace tunneld::daemon
