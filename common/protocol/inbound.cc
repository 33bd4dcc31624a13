#include "common/protocol/inbound.h"

#include <algorithm>

#include "common/net/address_class.h"
#include "common/net/ip_packet.h"
#include "common/net/mss_clamp.h"
#include "common/protocol/constants.h"
#include "common/protocol/data_message.h"
#include "common/protocol/ecn.h"
#include "common/protocol/ethernet_message.h"
#include "common/protocol/frame_header.h"

namespace tunneld::protocol {

Inbound::Inbound(DataPlane& plane, DataThread thread, net::Coalescer::Options coalesce)
    : plane_(plane), thread_(thread.number), door_(*plane.doors[thread.number]), coalescer_(coalesce) {
  jobs_.reserve(kMaxJobs);
  keypairs_.reserve(kMaxJobs);
  forwards_.reserve(kMaxJobs);
}

void Inbound::collect(MutableBytes datagram, const ReceivedRun& run) {
  const MessageType type = classify(datagram);
  if (type != MessageType::kData && type != MessageType::kFastData) {
    if (type == MessageType::kInvalid) return drop(Drop::kMalformed, nullptr);
    if (!tell({.notice = Notice::kHandshakeMessage, .peer = 0, .index = 0, .endpoint = run.from}, datagram)) {
      drop(Drop::kDoorFull, nullptr);
    }
    return;
  }
  const DataHeader header = DataHeader::from(datagram);
  Keypair* keypair = plane_.indices.find(header.receiver());
  if (keypair == nullptr || keypair->local_index != header.receiver())
    return drop(Drop::kUnknownIndex, nullptr);
  if (keypair->expired(now_)) return drop(Drop::kExpiredKey, &keypair->peer);
  if (!keypair->probably_fresh(header.counter())) return drop(Drop::kReplayed, &keypair->peer);
  const crypto::CipherKey* cipher =
      type == MessageType::kData ? &keypair->chacha_receive() : keypair->fast_receive();
  if (cipher == nullptr) return drop(Drop::kMalformed, &keypair->peer);

  jobs_.push_back({.data = datagram.data() + sizeof header,
                   .length = datagram.size() - kDataOverhead,
                   .counter = header.counter()});
  keypairs_.push_back({keypair, cipher});
}

void Inbound::open_jobs() {
  for (std::size_t first = 0; first < jobs_.size();) {
    std::size_t end = first + 1;
    while (end < jobs_.size() && keypairs_[end].cipher == keypairs_[first].cipher) ++end;
    keypairs_[first].cipher->open(std::span(jobs_).subspan(first, end - first));
    first = end;
  }
}

void Inbound::deliver(std::size_t index, const ReceivedRun& run) {
  const crypto::AeadJob& job = jobs_[index];
  Keypair& keypair = *keypairs_[index].keypair;
  PeerLink& peer = keypair.peer;
  if (job.verdict != crypto::Verdict::kAuthentic) return drop(Drop::kForged, &peer);
  if (!keypair.accept(job.counter)) return drop(Drop::kReplayed, &peer);

  // From here on the message is known to come from the peer.
  const bool keepalive = job.length == 0;
  const unsigned version = keepalive ? 0 : job.data[0] >> 4;
  const bool is_packet = version == 4 || version == 6;
  // A lane's probe comes from the lane's port; the peer must not be answered there.
  const bool is_lane_probe = !keepalive && !is_packet && job.length > 1 &&
                             job.data[1] == static_cast<std::uint8_t>(FrameType::kLane);
  const MutableBytes plain(job.data, job.length);
  const bool is_frame = is_ethernet(plain);
  note_received(keypair, run, job, is_packet || is_frame, !is_lane_probe);
  if (keepalive) return;
  if (is_frame) return deliver_frame(plain, peer, run);
  if (!is_packet) {
    // Padding may have any size (most of a path probe is padding), and is removed here.
    const auto frame = FrameHeader::parse(plain);
    if (!frame || kFrameHeader + frame->length > kMaxControlFrame) return drop(Drop::kInnerMalformed, &peer);
    if (!tell(
            {.notice = Notice::kControlFrame, .peer = peer.id, .index = keypair.local_index, .endpoint = {}},
            plain.first(kFrameHeader + frame->length))) {
      drop(Drop::kDoorFull, &peer);
    }
    return;
  }
  if (plane_.ethernet) return drop(Drop::kWrongLayer, &peer);
  const auto ip = net::IpPacket::parse(plain);
  if (!ip) return drop(Drop::kInnerMalformed, &peer);
  const RoutingTable& routing = *plane_.routing.get();
  if (routing.allowed_ips.lookup(ip->family, ip->source) != peer.id)
    return drop(Drop::kSourceNotAllowed, &peer);
  if (ip->family == net::Family::kIpv6 && net::is_link_local_v6(ip->source) &&
      net::may_change_routes(plain, *ip))
    return drop(Drop::kSourceNotAllowed, &peer);

  const std::uint32_t path =
      std::min(peer.path_mtu.load(std::memory_order_relaxed), plane_.mtu.load(std::memory_order_relaxed));
  if (adjust(plain, *ip, run.ecn, path, peer)) coalescer_.add(plain.first(ip->length), *ip);
}

bool Inbound::adjust(MutableBytes packet, const net::IpPacket& ip, std::uint8_t outer_ecn, std::size_t path,
                     PeerLink& peer) {
  const std::uint8_t inner_ecn = ip.traffic_class & kEcnMask;
  const auto ecn = decapsulated_ecn(inner_ecn, outer_ecn);
  if (!ecn) {
    drop(Drop::kCongestion, &peer);
    return false;
  }
  if (*ecn != inner_ecn) set_ecn(packet.data(), ip.family, *ecn);
  const std::uint32_t mss = plane_.mss_clamp.load(std::memory_order_relaxed);
  if (mss != net::kMssOff && net::may_be_syn(packet, ip)) {
    net::clamp_mss(packet, ip, net::clamp_mtu(mss, ip.family, path));
  }
  return true;
}

void Inbound::note_received(Keypair& keypair, const ReceivedRun& run, const crypto::AeadJob& job, bool data,
                            bool may_move) {
  PeerLink& peer = keypair.peer;
  TrafficCounters& traffic = peer.traffic[thread_];
  traffic.received_packets.add(1);
  traffic.received_bytes.add(job.length + kDataOverhead);
  if (peer.activity.stamp_received(now_, data) &&
      !tell({.notice = Notice::kWatch, .peer = peer.id, .index = 0, .endpoint = {}})) {
    peer.activity.watched.store(false);
  }

  if (keypair.role == Role::kResponder) {
    if (!keypair.confirmation_told.load(std::memory_order_relaxed)) {
      keypair.confirmed.store(true);
      if (!keypair.confirmation_told.exchange(true) && !tell({.notice = Notice::kConfirmed,
                                                              .peer = peer.id,
                                                              .index = keypair.local_index,
                                                              .endpoint = {}})) {
        keypair.confirmation_told.store(false);
      }
    }
  } else if (now_ - keypair.created >= kRekeyOnReceiveAfter && !keypair.rekey_requested.exchange(true) &&
             !tell(
                 {.notice = Notice::kRekey, .peer = peer.id, .index = keypair.local_index, .endpoint = {}})) {
    keypair.rekey_requested.store(false);
  }

  // The newest message shows where the peer is; a late one from its old address does not move it back. The
  // endpoint is read first, so that a thread that sees the address of a newer message sees its counter too.
  const net::Endpoint* known = nullptr;
  do {
    known = peer.endpoint.get();
    // A message on another lane than 0 never counts as the newest: its counters are the lane's.
  } while (may_move && (known == nullptr || *known != run.from) && job.counter == keypair.replay.greatest() &&
           !move(keypair, job.counter, known, run.from));
}

bool Inbound::move(Keypair& from, std::uint64_t counter, const net::Endpoint* known,
                   const net::Endpoint& to) {
  PeerLink& peer = from.peer;
  // Move it now, not when the control thread hears of it: the answer to this packet must go to the new
  // address.
  switch (peer.endpoint.move(known, to)) {
    case RoamingEndpoint::Move::kDone:
      if (Keypair* keypair = peer.keypair_to_send()) keypair->send_lanes.leave();
      // If the door is full, the peer's next notice or look finds out.
      tell({.notice = Notice::kMoved, .peer = peer.id, .index = 0, .endpoint = {}});
      break;
    case RoamingEndpoint::Move::kTooSoon:
      if (peer.move_told.exchange(counter + 1) == 0 &&
          !tell({.notice = Notice::kMoving, .peer = peer.id, .index = from.local_index, .endpoint = to})) {
        peer.move_told.store(0);
      }
      break;
    case RoamingEndpoint::Move::kOvertaken:
      return false;
  }
  return true;
}

bool Inbound::tell(const DoorRecord& record, ByteView payload) {
  return door_.push(record, payload);
}

void Inbound::drop(Drop reason, PeerLink* peer) {
  plane_.drops[thread_].count(reason);
  if (peer != nullptr) peer->traffic[thread_].drops.add(1);
}

}  // namespace tunneld::protocol
