// What the sans-IO protocol asks the daemon to do: send these datagrams, report these events.
//
// The object is reused from call to call, so that answering a stranger allocates nothing once its buffers
// have grown.
#pragma once

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "common/bytes.h"
#include "common/net/ip_address.h"
#include "common/protocol/control_frame.h"
#include "common/protocol/peer/peer_link.h"

namespace tunneld::protocol {

/// A change that matters outside the protocol; the daemon logs it or acts on it.
struct Event {
  /// A handshake is complete.
  struct SessionUp {
    bool initiator;  ///< we began it
  };
  /// Authenticated traffic came from elsewhere.
  struct EndpointMoved {
    net::Endpoint endpoint;
  };
  /// No answer: an initiation has been sent again.
  struct HandshakeRetry {
    unsigned attempt;  ///< its number
  };
  /// No answer in 90 s; waits for the next packet to send.
  struct HandshakeGaveUp {};
  /// 540 s without a new session.
  struct SessionExpired {};
  /// There is something to send, and no address to send it to.
  struct NoEndpoint {};
  /// The first HELLO of a session: Peer::remote() says who it is.
  struct Hello {
    bool restarted;  ///< not the life that was known before
  };
  /// HELLO no longer holds: the peer is a stock one now, or its session has expired.
  struct HelloLost {};
  /// The peer has ended the session deliberately.
  struct Bye {};
  /// The largest packet for the path has changed, or the search for it has ended: Peer::path().
  struct PathMtu {};
  /// ICMP, which may be forged, says that nothing listens at an address that was called: check it.
  struct Refused {
    net::SocketAddress address;
  };
  /// The route may have changed: call PeerPath::learn().
  struct AskRoute {};
  /// Data went out for 10 s and nothing came back: check the address.
  struct Silent {};
  /// Frames loop between the peer and another port: EthernetSwitch::loops().
  struct Loop {};
  /// One side is a tap and the other is not: no packets pass.
  struct Layer2Refused {};

  PeerId peer;
  std::variant<SessionUp, EndpointMoved, HandshakeRetry, HandshakeGaveUp, SessionExpired, NoEndpoint, Hello,
               HelloLost, Bye, PathMtu, Refused, AskRoute, Silent, Loop, Layer2Refused>
      what;

  template <typename... Kinds>
  [[nodiscard]] bool is() const {
    return (std::holds_alternative<Kinds>(what) || ...);
  }
  /// Null for an event of another kind.
  template <typename Kind>
  [[nodiscard]] const Kind* as() const {
    return std::get_if<Kind>(&what);
  }
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
    /// for PeerPath::refused().
    std::optional<std::pair<PeerId, std::uint32_t>> probe = std::nullopt;
    /// Set for an initiation that is sent to one address only: its peer, for Caller::unsent().
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
  void add_event(Event event) { events_.push_back(event); }
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
