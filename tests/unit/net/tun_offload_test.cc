// Superpackets across two devices: the kernel's own TCP at both ends, this program as the wire between them.
#include <algorithm>
#include <atomic>
#include <numeric>
#include <thread>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/net/tun_device.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::net {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Carries packets from one queue to the other, header and all, and notes what it saw.
class Wire {
 public:
  Wire(TunQueue& from, TunQueue& to) : thread_([this, &from, &to] { run(from, to); }) {}
  ~Wire() {
    stop_ = true;
    thread_.join();
  }
  [[nodiscard]] std::size_t largest() const { return largest_; }
  [[nodiscard]] unsigned failures() const { return failures_; }
  /// gso_type of the largest packet.
  [[nodiscard]] std::uint8_t gso_type() const { return gso_type_; }

 private:
  void run(TunQueue& from, TunQueue& to) {
    Bytes buffer(TunQueue::kMaxPacket);
    while (!stop_) {
      const TunRead read = from.read(buffer);
      if (read.status != TunReadStatus::kPacket) {
        pollfd watched{.fd = from.fd(), .events = POLLIN, .revents = 0};
        (void)::poll(&watched, 1, 20);
        continue;
      }
      if (read.length > largest_) {
        largest_ = read.length;
        gso_type_ = read.header.gso_type;
      }
      if (to.write(read.header, ByteView(buffer).first(read.length)) != TunWriteStatus::kWritten) ++failures_;
    }
  }

  std::atomic<bool> stop_ = false;
  std::atomic<std::size_t> largest_ = 0;
  std::atomic<std::uint8_t> gso_type_ = 0;
  std::atomic<unsigned> failures_ = 0;
  std::thread thread_;
};

constexpr in6_addr kNearIpv4 = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 7, 0, 1}}};
constexpr in6_addr kNearIpv6 = {{{0xfd, 0x07, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}};

class TunOffloadTest : public NamespaceTest {
 protected:
  // A device in each of two namespaces: 10.7.0.1 and fd07::1 here, .2 and ::2 there.
  void open_devices(const TunOptions& options) {
    far_ = std::make_unique<NetworkNamespace>();
    ASSERT_TRUE(far_->works());
    far_device_ = std::make_unique<TunDevice>(options);
    shell("ip addr add 10.7.0.2/24 dev vpn0 && ip addr add fd07::2/64 dev vpn0 nodad && ip link set vpn0 up");
    near_->enter();
    near_device_ = std::make_unique<TunDevice>(options);
    shell("ip addr add 10.7.0.1/24 dev vpn0 && ip addr add fd07::1/64 dev vpn0 nodad && ip link set vpn0 up");
  }

  // Sends `data` by TCP from far to this address of near and returns what arrived.
  Bytes transfer(const Bytes& data, const in6_addr& near_address) {
    const FileDescriptor listener(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 name{};
    name.sin6_family = AF_INET6;
    name.sin6_port = htons(7000);
    EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    EXPECT_EQ(::listen(listener.get(), 1), 0);
    far_->enter();
    const FileDescriptor sender(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    near_->enter();
    name.sin6_addr = near_address;
    EXPECT_EQ(::connect(sender.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    const FileDescriptor receiver(::accept(listener.get(), nullptr, nullptr));

    std::thread writer([&] {
      for (ByteView rest = data; !rest.empty();) {
        const ssize_t sent = ::send(sender.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent <= 0) break;
        rest = rest.subspan(static_cast<std::size_t>(sent));
      }
      ::shutdown(sender.get(), SHUT_WR);
    });
    Bytes received;
    Bytes buffer(1 << 16);
    for (ssize_t got; (got = ::recv(receiver.get(), buffer.data(), buffer.size(), 0)) > 0;) {
      received.insert(received.end(), buffer.begin(), buffer.begin() + got);
    }
    writer.join();
    return received;
  }

  std::unique_ptr<TunDevice> near_device_;
  std::unique_ptr<TunDevice> far_device_;
};

TEST_F(TunOffloadTest, TcpCrossesInSuperpackets) {
  open_devices({.name = "vpn0"});
  Bytes data(20'000'000);
  std::iota(data.begin(), data.end(), std::uint8_t{0});
  for (const bool v4 : {true, false}) {
    Wire there(far_device_->queues()[0], near_device_->queues()[0]);
    Wire back(near_device_->queues()[0], far_device_->queues()[0]);
    EXPECT_TRUE(transfer(data, v4 ? kNearIpv4 : kNearIpv6) == data);
    EXPECT_GT(there.largest(), 32768U);
    EXPECT_EQ(there.gso_type(), v4 ? kVirtioGsoTcp4 : kVirtioGsoTcp6);
    EXPECT_EQ(there.failures() + back.failures(), 0U);
  }
}

TEST_F(TunOffloadTest, WithoutOffloadsTcpCrossesInPlainPackets) {
  open_devices({.name = "vpn0", .offload = false});
  EXPECT_EQ(near_device_->features(), TunFeatures{});
  Bytes data(3'000'000);
  std::iota(data.begin(), data.end(), std::uint8_t{0});
  Wire there(far_device_->queues()[0], near_device_->queues()[0]);
  Wire back(near_device_->queues()[0], far_device_->queues()[0]);
  EXPECT_TRUE(transfer(data, kNearIpv4) == data);
  EXPECT_LE(there.largest(), 1500U);
}

}  // namespace
}  // namespace tunneld::net
