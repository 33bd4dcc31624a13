// HELLO on each new session (docs/extension.md), and what both sides agree on by it: fast data, lanes, whether
// Ethernet frames pass, and whether silence can be asked about.
//
// When HELLO is said, and how long the peer's holds, is decided by hello_exchange.h; this class says it and
// acts on the answer.
#pragma once

#include <algorithm>

#include "common/protocol/actions.h"
#include "common/protocol/keypairs.h"
#include "common/protocol/peer/hello_exchange.h"
#include "common/protocol/peer/layer2_agreement.h"
#include "common/protocol/peer/peer_lanes.h"
#include "common/protocol/peer/peer_path.h"
#include "common/protocol/peer/peer_queue.h"
#include "common/protocol/peer/peer_sender.h"
#include "common/protocol/services.h"

namespace tunneld::protocol {

class PeerHello {
 public:
  /// What HELLO has consequences for. All outlive the PeerHello.
  struct Parts {
    HelloExchange& exchange;
    const Keypairs& keypairs;
    SilenceWatch& silence;
    PeerPath& path;
    PeerSender& sender;
    PeerLanes& lanes;
    PeerQueue& queue;
  };
  PeerHello(PeerLink& link, Services& services, const Parts& parts)
      : link_(link), services_(services), parts_(parts), layer2_(link, services.extension.capabilities.tap) {}

  void session_up(const Keypair& keypair, Now now, Actions& actions);
  /// The peer's HELLO, under `keypair`.
  void accept(Keypair& keypair, const Hello& hello, Now now, Actions& actions);
  /// No session has come for so long that what is known of the peer no longer holds.
  void session_expired(Actions& actions);
  void reset();

  [[nodiscard]] Instant deadline() const { return std::min(parts_.exchange.deadline(), layer2_.deadline()); }
  void advance(Now now, Actions& actions);

 private:
  void say(bool is_answer, Keypair& keypair, Now now, Actions& actions);
  void say_if_due(Now now, Actions& actions);
  void forget_remote(Actions& actions);
  void decide_layer2(Actions& actions);

  PeerLink& link_;
  Services& services_;
  const Parts parts_;
  Layer2Agreement layer2_;
};

}  // namespace tunneld::protocol
