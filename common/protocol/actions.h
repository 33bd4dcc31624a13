// What the sans-IO protocol asks the daemon to do: send these datagrams, report these events.
//
// The object is reused from call to call, so that answering a stranger allocates nothing once its buffers
// have grown.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "common/bytes.h"
#include "common/net/ip_address.h"
#include "common/protocol/control_frame.h"
#include "common/protocol/peer_link.h"

namespace tunneld::protocol {

/// A change that matters outside the protocol; the daemon logs it or acts on it.
struct Event {
  enum class Kind : std::uint8_t {
    kSessionUp,        ///< handshake complete; `initiator` tells who began
    kEndpointMoved,    ///< authenticated traffic came from `endpoint`
    kHandshakeRetry,   ///< no answer; `attempt` is the number of the initiation now sent
    kHandshakeGaveUp,  ///< no answer in 90 s; waits for the next packet to send
    kSessionExpired,   ///< 540 s without a new session
    kNoEndpoint,       ///< there is something to send, and no address to send it to
    kHello,      ///< first HELLO of a session: Peer::remote() says who it is; `restarted` tells whether anew
    kHelloLost,  ///< HELLO no longer holds: the peer is a stock one now, or its session has expired
    kBye,        ///< the peer has ended the session deliberately
    kPathMtu,  ///< the largest packet for the path has changed, or the search for it has ended: Peer::path()
    kRefused,  ///< ICMP, which may be forged, says that nothing listens at `endpoint`: check the address
    kAskRoute,       ///< the route may have changed: call Peer::learn_route()
    kSilent,         ///< data went out for 10 s and nothing came back: check the address
    kLoop,           ///< frames loop between `peer` and another port: EthernetSwitch::loops()
    kLayer2Refused,  ///< one side is a tap and the other is not: no packets pass
  };
  Kind kind;
  PeerId peer = 0;
  bool initiator = false;
  unsigned attempt = 0;
  bool restarted = false;
  net::Endpoint endpoint{};
};

class Actions {
 public:
  struct Datagram {
    net::Endpoint to;
    std::size_t offset;
    std::size_t length;
    bool handshake;  ///< types 1 to 3 leave with DSCP AF41
    unsigned lane;   ///< the lane whose port it leaves from; 0 is the tunnel's own port
    /// Set for a probe of the path, which must not be fragmented: its peer and the size of its inner packet,
    /// for Peer::probe_refused().
    std::optional<std::pair<PeerId, std::uint32_t>> probe = std::nullopt;
    /// Set for an initiation that is sent to one address only: its peer, for Peer::initiation_unsent().
    std::optional<PeerId> initiation = std::nullopt;
  };

  /// A control frame of an authenticated peer.
  struct Frame {
    PeerId peer;
    std::uint32_t keypair_index;
    ControlFrame frame;
  };

  /// Makes room for a datagram of `length` bytes; fill it before the next call of any member.
  MutableBytes add_datagram(const net::Endpoint& to, std::size_t length, bool handshake, unsigned lane = 0) {
    datagrams_.push_back(
        {.to = to, .offset = bytes_.size(), .length = length, .handshake = handshake, .lane = lane});
    bytes_.resize(bytes_.size() + length);
    return MutableBytes(bytes_).last(length);
  }
  /// Removes the last datagram, which could not be filled.
  void take_back_datagram() {
    bytes_.resize(datagrams_.back().offset);
    datagrams_.pop_back();
  }
  void mark_probe(PeerId peer, std::uint32_t size) { datagrams_.back().probe = {peer, size}; }
  void mark_initiation(PeerId peer) { datagrams_.back().initiation = peer; }
  void add_event(Event event) { events_.push_back(std::move(event)); }
  void add_frame(PeerId peer, std::uint32_t keypair_index, ControlFrame frame) {
    frames_.push_back({peer, keypair_index, std::move(frame)});
  }
  void clear() {
    datagrams_.clear();
    bytes_.clear();
    events_.clear();
    frames_.clear();
  }

  [[nodiscard]] const std::vector<Datagram>& datagrams() const { return datagrams_; }
  [[nodiscard]] ByteView bytes(const Datagram& datagram) const {
    return ByteView(bytes_).subspan(datagram.offset, datagram.length);
  }
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  [[nodiscard]] const std::vector<Frame>& frames() const { return frames_; }

 private:
  std::vector<Datagram> datagrams_;
  std::vector<std::uint8_t> bytes_;
  std::vector<Event> events_;
  std::vector<Frame> frames_;
};

}  // namespace tunneld::protocol
