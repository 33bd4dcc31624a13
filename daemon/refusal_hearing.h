// Turns on the ICMP errors of the sockets for a short time after each initiation.
//
// They are not always on, because each such message, which anybody may forge, makes a call on the socket fail
// (UdpSocket::hear_refusals), and only answers to an initiation are useful (protocol/peer/caller.cc). So a
// tunnel with live sessions pays nothing.
//
// All sockets listen, not only the sender: the kernel delivers the message to one of the sockets that share
// the port, by a hash of its addresses (Linux: __udp4_lib_err, udp_lookup without a packet).
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
    // Each time, because a socket may have been replaced in the meantime.
    hear(true);
    over_.expires_after(kHearing);
    over_.async_wait([this](const boost::system::error_code& error) {
      if (!error) hear(false);
    });
  }

 private:
  /// Longer than any round trip with which a tunnel is still useful.
  static constexpr std::chrono::seconds kHearing{2};

  void hear(bool on) {
    for (net::UdpSocket& socket : sockets_) socket.hear_refusals(on);
  }

  std::vector<net::UdpSocket>& sockets_;
  boost::asio::steady_timer over_;
};

}  // namespace tunneld::daemon
