// The outbound path: packets read from the device become sealed datagrams. One object per worker, sans-IO.
//
//     add():    destination → allowed IPs → peer → its sending keypair → segments, written where they will
//               be sealed
//     finish(): nonces, headers, one batch of sealing per run
//
// A packet that is too large for the path to the peer is handled as a router would (RFC 1812 section 5.2.7,
// RFC 8200 section 5): TCP of this host is cut smaller, an IPv4 packet that allows it is fragmented, and
// anything else is answered by ICMP, which the caller writes to the device. Only an IPv6 packet of 1,280
// bytes or less must pass on any path: its datagram is sent whole, in a run of its own (`oversize`), and
// fragmented outside.
//
// ICMP also answers packets whose destination belongs to no peer, or to a peer that has to call first (host
// or address unreachable, as the kernel's WireGuard does).
//
// A run is what one UDP_SEGMENT send takes: consecutive datagrams to one peer, all of the same size but for
// the last. All runs lie in one buffer, allocated once. Packets for a peer without a session leave through
// the door.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "common/crypto/aead_engine.h"
#include "common/net/segment.h"
#include "common/protocol/data_message.h"
#include "common/protocol/data_plane.h"
#include "common/protocol/inner_icmp_errors.h"

namespace tunneld::protocol {

struct SealedRun {
  PeerLink* peer;
  /// Valid until the batch ends (the reader leaves Quiescence).
  const net::Endpoint* endpoint;
  ByteView bytes;
  std::size_t segment_size;
  std::size_t segments;
  /// Outer ECN field.
  std::uint8_t ecn;
  /// Larger than the path carries: send it in outer fragments.
  bool oversize;
  /// 0: from the tunnel's own port. Otherwise from the port of the worker's lane.
  unsigned lane;
};

class Outbound {
 public:
  Outbound(DataPlane& plane, DataThread thread);

  /// Starts a batch. The caller must have entered its Quiescence::Reader, and leaves it when the runs have
  /// been sent.
  void begin(Instant now);
  /// Adds a packet or superpacket (at a tap: a frame) as read from the device. False: no room is left; call
  /// finish() and begin(), then add it again, as often as necessary.
  [[nodiscard]] bool add(const net::VirtioNetHeader& header, MutableBytes packet);
  /// Adds a frame from a peer for others, at a tap. Returns false as add() does.
  [[nodiscard]] bool forward(const ForwardedFrame& forwarded);
  /// Seals everything that was added. The runs stay valid until begin().
  [[nodiscard]] std::span<const SealedRun> finish();
  /// Answers to packets of this batch, for the device; valid until begin().
  [[nodiscard]] const InnerIcmpErrors& answers() const { return answers_; }
  /// Counts how the socket handled a run. `source_gone`: the endpoint's local address is no longer ours.
  void note_sent(const SealedRun& run, std::size_t sent_datagrams, bool source_gone);

 private:
  /// Enough for a superpacket of 64 KiB in TCP's smallest segments, and for several superpackets of the usual
  /// kind.
  static constexpr std::size_t kBufferSize = std::size_t{256} << 10;
  static constexpr std::size_t kMaxRunBytes = 65507;
  static constexpr std::size_t kMaxRunSegments = 64;
  /// An oversize datagram's inner size, with its padding.
  static constexpr std::size_t kMaxOversize = 9216;

  struct Run {
    PeerLink* peer;
    Keypair* keypair;
    const net::Endpoint* endpoint;
    std::size_t offset;
    std::size_t bytes;
    std::size_t segment_size;
    std::size_t segments;
    std::uint8_t ecn;
    bool oversize;
    bool closed;  ///< ended by a shorter datagram
  };

  /// The destination of a batch's datagrams, and how they are padded.
  struct Destination {
    PeerLink& peer;
    Keypair& keypair;
    const net::Endpoint& endpoint;
    std::uint8_t ecn;
    /// The largest inner packet for this peer, and the size at which padding stops; in bytes.
    std::size_t limit, mtu;
    /// Every packet is padded at least to this.
    std::size_t least = 0;
    /// A packet that leaves in outer fragments is padded to this.
    std::size_t oversize = 0;
  };

  /// The progress of a frame through the peers; if the buffer became full on the way, the next call continues
  /// from there.
  struct Flood {
    ForwardingDecision decision;
    bool interrupted = false;
    std::size_t next = 0;  ///< PeerId
  };
  static constexpr PeerId kNobody = UINT32_MAX;

  // At a tap (outbound_ethernet.cc).
  [[nodiscard]] bool add_frame(const net::VirtioNetHeader& header, MutableBytes bytes);
  [[nodiscard]] bool send_to_peers(const net::Segmenter& segments, unsigned ecn, PeerId from);
  [[nodiscard]] bool add_for_peer(PeerLink& peer, net::Segmenter segments, std::uint8_t ecn, bool flooded);
  void hand_over_frames(const net::Segmenter& segments, PeerLink& peer);

  /// The size to which an oversize datagram for this peer is padded; it may differ from call to call.
  [[nodiscard]] static std::size_t oversize_padding(const PeerLink& peer, const net::Endpoint& endpoint);
  /// Whether a packet of this inner size fits into the rest of the buffer.
  [[nodiscard]] bool has_room_for(std::size_t inner) const {
    return used_ + inner + kDataOverhead <= kBufferSize && runs_.size() < runs_.capacity();
  }
  [[nodiscard]] bool has_room(std::size_t segments, std::size_t size, std::size_t limit, std::size_t mtu,
                              std::size_t oversize = 0) const;
  /// Answers by ICMP, within limits.
  void answer(ByteView packet, const net::IpPacket& ip, net::Undeliverable reason, std::size_t mtu = 0);
  void answer_too_big(const net::Segmenter& segments, const net::IpPacket& ip, ByteView packet,
                      std::size_t limit);
  void add_too_large(const net::Segmenter& segments, std::size_t index, const Destination& to);
  template <typename Write>
  void add_inner(std::size_t size, bool oversize, const Destination& to, const Write& write);
  void append(const Destination& to, bool oversize, std::size_t datagram_size);
  void seal(Run& run);
  /// The lane that a run leaves on; requests the worker's own lane if it is not open yet.
  [[nodiscard]] unsigned lane_for(const Run& run);
  void hand_over(const net::Segmenter& segments, PeerLink& peer);
  void drop(Drop reason, PeerLink* peer, std::size_t packets);

  DataPlane& plane_;
  const std::size_t thread_;  ///< its number
  const std::size_t worker_;
  Door& door_;
  Instant now_{};
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t used_ = 0;
  std::vector<Run> runs_;
  std::vector<SealedRun> sealed_;
  std::vector<crypto::AeadJob> jobs_;
  std::unique_ptr<std::uint8_t[]> scratch_;  ///< one segment on its way to the door, or to be cut
  InnerIcmpErrors answers_;
  Flood flood_;
};

/// Leaves room for the header before the packet, and for padding and tag after it.
template <typename Write>
void Outbound::add_inner(std::size_t size, bool oversize, const Destination& to, const Write& write) {
  const std::size_t padded = std::max(padded_size(size, to.mtu), to.least);
  std::uint8_t* inner = buffer_.get() + used_ + sizeof(DataHeader);
  write(inner);
  std::memset(inner + size, 0, padded - size);
  append(to, oversize, padded + kDataOverhead);
}

}  // namespace tunneld::protocol
