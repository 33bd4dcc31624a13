// When the sockets hear what ICMP says of their datagrams: for a moment after each initiation.
//
// Not always, because each such message, which anybody may forge, makes a call on the socket fail
// (UdpSocket::hear_refusals), and only what answers an initiation is of use (protocol/peer_calling.cc). So a
// tunnel whose sessions live pays nothing.
//
// All sockets listen, not the one that sends: the kernel gives the message to one of those that share the
// port, by a hash of its addresses (Linux: __udp4_lib_err, udp_lookup without a packet).
#pragma once

#include <chrono>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/net/udp_socket.h"

namespace tunneld::daemon {

class RefusalHearing {
 public:
  RefusalHearing(boost::asio::io_context& io, std::vector<net::UdpSocket>& sockets)
      : sockets_(sockets), over_(io) {}
  RefusalHearing(const RefusalHearing&) = delete;
  RefusalHearing& operator=(const RefusalHearing&) = delete;

  /// An initiation is about to be sent.
  void expect() {
    // Each time, because a socket may have become another meanwhile.
    hear(true);
    over_.expires_after(kHearing);
    over_.async_wait([this](const boost::system::error_code& error) {
      if (!error) hear(false);
    });
  }

 private:
  /// Longer than any round trip that a tunnel is of use with.
  static constexpr std::chrono::seconds kHearing{2};

  void hear(bool on) {
    for (net::UdpSocket& socket : sockets_) socket.hear_refusals(on);
  }

  std::vector<net::UdpSocket>& sockets_;
  boost::asio::steady_timer over_;
};

}  // namespace tunneld::daemon
