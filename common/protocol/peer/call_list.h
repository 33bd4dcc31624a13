// The addresses that an initiation is sent to.
//
// The whitepaper knows one address. A name may lead to several, of which some are dead (an IPv6 that is a
// black hole on the way, a first record that is out of date): then the first try goes to the endpoint, the
// second to all the others, and further ones to all.
#pragma once

#include <optional>
#include <vector>

#include "common/net/ip_address.h"

namespace tunneld::protocol {

class CallList {
 public:
  /// All addresses that the peer's names resolve to.
  void set(std::vector<net::SocketAddress> addresses) { addresses_ = std::move(addresses); }
  /// The peer may be elsewhere than at `endpoint`; null: it has none.
  [[nodiscard]] bool leads_elsewhere(const net::Endpoint* endpoint) const;

  /// The endpoint alone is called.
  void call_endpoint(const net::SocketAddress& endpoint);
  /// All are called, but for the endpoint if it alone was called last: it may still answer, and has its turn
  /// the next time. `tries`: initiations so far.
  [[nodiscard]] const std::vector<net::SocketAddress>& call_all(const net::SocketAddress& endpoint,
                                                                unsigned tries);
  /// The last call went to the endpoint alone.
  [[nodiscard]] bool others_wait() const { return called_alone_.has_value(); }
  /// Whether the last initiation went to `at`, too, and has not been refused.
  [[nodiscard]] bool is_called(const net::SocketAddress& at) const;
  /// The call to `at` has been refused. True if nobody is left who could answer it.
  [[nodiscard]] bool refused(const net::SocketAddress& at);

 private:
  std::vector<net::SocketAddress> addresses_;
  /// Where the last initiation went and has not been refused.
  std::vector<net::SocketAddress> called_;
  std::optional<net::SocketAddress> called_alone_;
};

}  // namespace tunneld::protocol
