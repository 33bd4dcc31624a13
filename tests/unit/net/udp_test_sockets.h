// What tests of the UDP socket send, to whom, and what arrives.
#pragma once

#include <numeric>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>

#include "common/net/udp_socket.h"
#include "tests/unit/addresses.h"

namespace tunneld::net {

using Bytes = std::vector<std::uint8_t>;

inline Bytes counted(std::size_t size) {
  Bytes bytes(size);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  return bytes;
}

inline Endpoint to(const char* remote, std::uint16_t port) {
  return {.remote = {.address = address(remote), .port = port}, .local = std::nullopt};
}

inline UdpSocket open_one(const UdpOptions& options = {}) {
  return std::move(open_udp_sockets(options).front());
}

// What a socket received: the datagrams, cut, and who sent the last one.
struct Received {
  std::vector<Bytes> datagrams;
  std::size_t messages = 0;
  Endpoint from;
  std::uint8_t ecn = 0;

  [[nodiscard]] Bytes joined() const {
    Bytes all;
    for (const Bytes& datagram : datagrams) all.insert(all.end(), datagram.begin(), datagram.end());
    return all;
  }
};

// Waits up to 10 s for `datagrams` of them.
inline Received receive(UdpSocket& socket, std::size_t datagrams) {
  static ReceiveBatch batch(8);  // large: making it is what a test would spend its time on
  const std::uint64_t errors = batch.errors();
  Received received;
  while (received.datagrams.size() < datagrams) {
    pollfd watched{.fd = socket.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&watched, 1, 10'000) != 1) break;
    socket.receive(batch);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const ReceivedMessage message = batch[i];
      received.from = message.from.parse();
      received.ecn = message.ecn;
      ++received.messages;
      for (ByteView rest = message.data; !rest.empty();) {
        const ByteView one = rest.first(std::min(rest.size(), message.segment_size));
        received.datagrams.emplace_back(one.begin(), one.end());
        rest = rest.subspan(one.size());
      }
    }
  }
  EXPECT_EQ(batch.errors(), errors);
  return received;
}

}  // namespace tunneld::net
