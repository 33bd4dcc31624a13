// What the control thread sends to a peer under its keypair: keepalives, control frames, probes, packets that
// have waited. Data workers send the rest; both seal with sealing.h.
//
// A worker passes the consequences of sending on through its door. Here they follow at once: the peer's answer
// is waited for, and a keypair that has reached its age gets a successor.
#pragma once

#include <optional>

#include "common/protocol/actions.h"
#include "common/protocol/control_frame.h"
#include "common/protocol/peer/caller.h"
#include "common/protocol/peer/hello_exchange.h"
#include "common/protocol/peer/peer_path.h"
#include "common/protocol/peer/silence_watch.h"
#include "common/protocol/services.h"

namespace tunneld::protocol {

/// How a message of the control thread is sent, if not in the usual way.
struct Leaving {
  /// The lane whose port it is sent from; it has a counter of lane 0.
  unsigned lane = 0;
  /// Set for a probe of the path, which is not padded any further: its inner size, or 0 for any.
  std::optional<std::uint32_t> probe{};
};

class PeerSender {
 public:
  /// All outlive this.
  PeerSender(PeerLink& link, Services& services, Caller& caller, SilenceWatch& silence, PeerPath& path,
             const HelloExchange& hellos)
      : link_(link), services_(services), caller_(caller), silence_(silence), path_(path), hellos_(hellos) {}

  void seal(Keypair& keypair, ByteView plain, Now now, Actions& actions, Leaving leaving = {});
  /// Without a session, a handshake begins instead.
  void send_keepalive(Now now, Actions& actions);
  /// See Peer::send_frame().
  bool send_frame(const ControlFrame& frame, Now now, Actions& actions, std::size_t plain_size = 0);

  /// Something has been sent or received that may need an answer.
  void watch(Now now);
  void count_drop(Drop reason, std::uint64_t n);

 private:
  PeerLink& link_;
  Services& services_;
  Caller& caller_;
  SilenceWatch& silence_;
  PeerPath& path_;
  const HelloExchange& hellos_;
};

}  // namespace tunneld::protocol
