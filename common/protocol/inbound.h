// The way in: datagrams from the outer socket become packets for the device. One object per worker, sans-IO.
//
//     add():    type → receiver index → keypair → age and replay window; one batch of opening per run;
//               replay window again → inner packet → does the source belong to the peer? → ECN → coalescer
//     finish(): superpackets and packets for the device
//
// Datagrams are opened where they were received, and their buffers are in use until finish().
#pragma once

#include <optional>
#include <vector>

#include "common/crypto/aead_engine.h"
#include "common/net/coalesce.h"
#include "common/protocol/data_plane.h"

namespace tunneld::protocol {

/// Datagrams of one sender, in one buffer: equal in size but for the last.
struct ReceivedRun {
  MutableBytes bytes;
  std::size_t segment_size;
  /// Outer ECN field.
  std::uint8_t ecn;
  const net::Endpoint& from;
};

class Inbound {
 public:
  Inbound(DataPlane& plane, std::size_t thread, net::Coalescer::Options coalesce);

  /// Starts a batch. The caller's Quiescence::Reader has entered.
  void begin(Instant now) {
    now_ = now;
    last_way_.reset();
  }
  /// Takes what `run` holds; write(const VirtioNetHeader&, span<const iovec>) is called only if the coalescer
  /// is full. At a tap, forward(const ForwardedFrame&) gets the frames that go on to other peers; it must
  /// copy what it keeps.
  template <typename Write, typename Forward>
  void add(const ReceivedRun& run, Write&& write, Forward&& forward) {
    for (std::size_t offset = 0; offset < run.bytes.size(); offset += run.segment_size) {
      if (jobs_.size() == kMaxJobs) open_and_deliver(run, write, forward);
      collect(run.bytes.subspan(offset, std::min(run.segment_size, run.bytes.size() - offset)), run);
    }
    open_and_deliver(run, write, forward);
  }
  template <typename Write>
  void add(const ReceivedRun& run, Write&& write) {
    add(run, write, [](const ForwardedFrame&) {});
  }
  template <typename Write>
  void finish(Write&& write) {
    coalescer_.flush(write);
  }

 private:
  static constexpr std::size_t kMaxJobs = 64;

  /// Checks that need no key; queues a job for what passes.
  void collect(MutableBytes datagram, const ReceivedRun& run);
  /// Opens jobs_ in runs of one keypair and cipher.
  void open_jobs();
  /// An opened plaintext on its way to the coalescer.
  void deliver(std::size_t index, const ReceivedRun& run);
  /// An opened ETHERNET message, at a tap or by mistake (inbound_ethernet.cc).
  void deliver_frame(MutableBytes plain, PeerLink& peer, const ReceivedRun& run);
  /// Asks the switch, once for the frames of a batch that go from one station to another in a row.
  [[nodiscard]] FrameWay way_of(const net::EthernetFrame& frame, PeerLink& peer);
  /// What happens to an IP packet on its way in: the outer congestion mark and the MSS clamp. `path`: the
  /// largest packet that may come back, bytes. False: dropped and counted.
  [[nodiscard]] bool adjust(MutableBytes packet, const net::IpPacket& ip, std::uint8_t outer_ecn,
                            std::size_t path, PeerLink& peer);
  void note_received(Keypair& keypair, const ReceivedRun& run, const crypto::AeadJob& job, bool data,
                     bool may_move);
  /// The peer is not where it was `known` to be.
  void move(PeerLink& peer, const net::Endpoint* known, const net::Endpoint& to);
  void drop(Drop reason, PeerLink* peer);
  bool tell(const DoorRecord& record, ByteView payload = {});

  template <typename Write, typename Forward>
  void open_and_deliver(const ReceivedRun& run, Write&& write, Forward&& forward) {
    open_jobs();
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      if (coalescer_.full()) {
        pass_on(forward);  // a flush changes headers
        coalescer_.flush(write);
      }
      deliver(i, run);
    }
    pass_on(forward);
    jobs_.clear();
    keypairs_.clear();
  }

  template <typename Forward>
  void pass_on(Forward&& forward) {
    for (const ForwardedFrame& frame : forwards_) forward(frame);
    forwards_.clear();
  }

  DataPlane& plane_;
  const std::size_t thread_;
  Door& door_;
  Instant now_{};
  net::Coalescer coalescer_;
  std::vector<crypto::AeadJob> jobs_;
  struct JobKey {
    Keypair* keypair;
    const crypto::CipherKey* cipher;
  };
  std::vector<JobKey> keypairs_;          ///< beside jobs_
  std::vector<ForwardedFrame> forwards_;  ///< of the jobs delivered so far
  struct LastWay {
    net::MacAddress destination, source;
    std::uint16_t vlan;
    PeerId from;
    FrameWay way;
  };
  std::optional<LastWay> last_way_;
};

}  // namespace tunneld::protocol
