// The inbound path: datagrams from the outer socket become packets for the device. One object per worker,
// sans-IO.
//
//     add():    type → receiver index → keypair → age and replay window; one batch of opening per run;
//               replay window again → inner packet → does the source belong to the peer? → ECN → coalescer
//     finish(): superpackets and packets for the device
//
// Datagrams are opened where they were received, so their buffers stay in use until finish().
#pragma once

#include <optional>
#include <vector>

#include "common/crypto/aead_engine.h"
#include "common/net/coalesce.h"
#include "common/protocol/data_plane.h"

namespace tunneld::protocol {

/// Datagrams of one sender in one buffer: all have the same size, but the last may be shorter.
struct ReceivedRun {
  MutableBytes bytes;
  std::size_t segment_size;
  /// Outer ECN field.
  std::uint8_t ecn;
  const net::Endpoint& from;
};

class Inbound {
 public:
  Inbound(DataPlane& plane, DataThread thread, net::Coalescer::Options coalesce);

  /// Starts a batch. The caller must have entered its Quiescence::Reader.
  void begin(Instant now) {
    now_ = now;
    last_decision_.reset();
  }
  /// Takes the datagrams of `run`. write(const VirtioNetHeader&, span<const iovec>) is called only if the
  /// coalescer is full. At a tap, forward(const ForwardedFrame&) gets the frames for other peers; it must
  /// copy them to keep them.
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

  /// Makes the checks that need no key, and queues a job for each datagram that passes.
  void collect(MutableBytes datagram, const ReceivedRun& run);
  /// Opens jobs_ in runs of one keypair and cipher.
  void open_jobs();
  /// Passes an opened plaintext to the coalescer.
  void deliver(std::size_t index, const ReceivedRun& run);
  /// Handles an opened ETHERNET message, also one that arrives at a tun by mistake (inbound_ethernet.cc).
  void deliver_frame(MutableBytes plain, PeerLink& peer, const ReceivedRun& run);
  /// Asks the switch, but only once for consecutive frames of a batch between the same two stations.
  [[nodiscard]] ForwardingDecision decide(const net::EthernetFrame& frame, PeerLink& peer);
  /// Applies the outer congestion mark and the MSS clamp to an IP packet. `path`: the largest packet that may
  /// come back, in bytes. False: dropped and counted.
  [[nodiscard]] bool adjust(MutableBytes packet, const net::IpPacket& ip, std::uint8_t outer_ecn,
                            std::size_t path, PeerLink& peer);
  void note_received(Keypair& keypair, const ReceivedRun& run, const crypto::AeadJob& job, bool data,
                     bool may_move);
  /// The peer is no longer at `known`. False: nor is its endpoint, which another thread has moved meanwhile.
  [[nodiscard]] bool move(Keypair& from, std::uint64_t counter, const net::Endpoint* known,
                          const net::Endpoint& to);
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
  const std::size_t thread_;  ///< its number
  Door& door_;
  Instant now_{};
  net::Coalescer coalescer_;
  std::vector<crypto::AeadJob> jobs_;
  struct JobKey {
    Keypair* keypair;
    const crypto::CipherKey* cipher;
  };
  std::vector<JobKey> keypairs_;          ///< parallel to jobs_
  std::vector<ForwardedFrame> forwards_;  ///< of the jobs delivered so far
  struct LastDecision {
    net::MacAddress destination, source;
    std::uint16_t vlan;
    PeerId from;
    ForwardingDecision decision;
  };
  std::optional<LastDecision> last_decision_;
};

}  // namespace tunneld::protocol
