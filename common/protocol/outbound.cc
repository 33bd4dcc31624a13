#include "common/protocol/outbound.h"

#include <algorithm>
#include <cstring>

#include "common/net/ip_packet.h"
#include "common/net/ipv4_fragment.h"
#include "common/net/mss_clamp.h"
#include "common/net/transport_header.h"
#include "common/protocol/constants.h"
#include "common/protocol/data_message.h"
#include "common/protocol/ecn.h"
#include "common/protocol/sealing.h"

namespace tunneld::protocol {
namespace {

/// Whether the packet is a datagram that left by `keypair` to `endpoint` and came back out of the device,
/// because a route to the peer leads into the tunnel. If it were carried again, it would loop forever.
bool is_own_datagram(ByteView packet, const net::IpPacket& ip, const Keypair& keypair,
                     const net::Endpoint& endpoint) {
  const ByteView remote = endpoint.remote.address.bytes();
  if (ip.protocol != net::kProtocolUdp || ip.family != endpoint.remote.address.family() ||
      std::memcmp(ip.destination, remote.data(), remote.size()) != 0)
    return false;
  const ByteView udp = packet.subspan(ip.header_length);
  if (udp.size() < net::kUdpHeader + sizeof(DataHeader)) return false;
  return load_le<std::uint32_t>(&udp[net::kUdpHeader + 4]) == keypair.remote_index;
}

/// Passes whatever the path MTU.
bool may_be_oversize(const net::IpPacket& ip, std::size_t size) {
  return ip.family == net::Family::kIpv6 && size <= net::kIpv6LeastMtu;
}

/// Presents a TCP segment of this host, whose checksum the device is to complete, as a superpacket of one
/// segment, which can be cut smaller. Any other header is returned unchanged.
net::VirtioNetHeader divisible(const net::VirtioNetHeader& header, ByteView packet, const net::IpPacket& ip) {
  net::VirtioNetHeader divisible = header;
  if (ip.protocol == net::kProtocolTcp && (header.flags & net::kVirtioNeedsChecksum) != 0 &&
      !net::may_be_syn(packet, ip)) {
    divisible.gso_type = ip.family == net::Family::kIpv4 ? net::kVirtioGsoTcp4 : net::kVirtioGsoTcp6;
    divisible.gso_size = UINT16_MAX;
  }
  return divisible;
}

/// Segments of one run that show that a peer has a lot of traffic.
constexpr std::size_t kWorthALane = 16;

}  // namespace

Outbound::Outbound(DataPlane& plane, DataThread thread)
    : plane_(plane),
      thread_(thread.number),
      worker_(thread.worker),
      door_(*plane.doors[thread.number]),
      buffer_(std::make_unique<std::uint8_t[]>(kBufferSize)),
      scratch_(std::make_unique<std::uint8_t[]>(65536)) {
  runs_.reserve(1024);
  sealed_.reserve(1024);
  jobs_.resize(kMaxRunSegments);
}

void Outbound::begin(Instant now) {
  now_ = now;
  used_ = 0;
  runs_.clear();
  sealed_.clear();
  answers_.begin(now);
}

bool Outbound::add(const net::VirtioNetHeader& header, MutableBytes packet) {
  if (plane_.ethernet) return add_frame(header, packet);
  // 1. Which peer owns the destination?
  const auto ip = net::IpPacket::parse(packet);
  if (!ip || ip->length != packet.size()) {
    drop(Drop::kInnerMalformed, nullptr, 1);
    return true;
  }
  const RoutingTable& routing = *plane_.routing.get();
  const net::AllowedIps::Owner owner = routing.allowed_ips.lookup(ip->family, ip->destination);
  if (owner == net::AllowedIps::kNobody) {
    drop(Drop::kNoRoute, nullptr, 1);
    answer(packet, *ip, net::Undeliverable::kUnreachable);
    return true;
  }
  PeerLink& peer = *routing.links[owner];
  if (routing.isolated[owner]) {
    const net::AllowedIps::Owner from = routing.allowed_ips.lookup(ip->family, ip->source);
    if (from != net::AllowedIps::kNobody && routing.isolated[from]) {
      drop(Drop::kNotForwarded, &peer, 1);
      return true;
    }
  }

  const std::size_t limit = peer.path_mtu.load(std::memory_order_relaxed);
  const std::size_t mtu = std::min<std::size_t>(limit, plane_.mtu.load(std::memory_order_relaxed));

  // 2. Cut it. For a plain packet this also completes the checksum, which must happen only once: so the room
  // is checked before.
  const bool plain = header.gso_type == net::kVirtioGsoNone;
  if (plain && used_ > 0 && !has_room(1, packet.size(), limit, mtu)) return false;
  auto segments =
      net::Segmenter::plan(plain && packet.size() > limit ? divisible(header, packet, *ip) : header, packet);
  if (!segments) {
    drop(Drop::kInnerMalformed, &peer, 1);
    return true;
  }
  if (const std::uint32_t mss = plane_.mss_clamp.load(std::memory_order_relaxed);
      mss != net::kMssOff && plain && net::may_be_syn(packet, *ip)) {
    net::clamp_mss(packet, *ip, net::clamp_mtu(mss, ip->family, mtu));
  }

  // 3. Under which key?
  Keypair* keypair = peer.keypair_to_send();
  const net::Endpoint* endpoint = peer.endpoint.get();
  if (keypair == nullptr || keypair->expired(now_)) {
    if (endpoint != nullptr || peer.awaits_endpoint.load(std::memory_order_relaxed)) {
      hand_over(*segments, peer);
    } else {
      drop(Drop::kNoEndpoint, &peer, segments->count());
      answer(packet, *ip, net::Undeliverable::kUnreachable);
    }
    return true;
  }
  if (peer.layer2.load(std::memory_order_relaxed) == Layer2::kRefused) {
    drop(Drop::kWrongLayer, &peer, segments->count());
    return true;
  }
  if (endpoint == nullptr) {
    drop(Drop::kNoEndpoint, &peer, segments->count());
    return true;
  }

  if (is_own_datagram(packet, *ip, *keypair, *endpoint)) {
    drop(Drop::kLoop, &peer, segments->count());
    return true;
  }

  // 4. Does it fit?
  if (segments->size(0) > limit) {
    answer_too_big(*segments, *ip, packet, limit);
    segments->limit(limit);
  }
  const Destination to{.peer = peer,
                       .keypair = *keypair,
                       .endpoint = *endpoint,
                       .ecn = static_cast<std::uint8_t>(ip->traffic_class & kEcnMask),
                       .limit = limit,
                       .mtu = mtu,
                       .oversize = oversize_padding(peer, *endpoint)};
  const bool oversize = segments->size(0) > limit && may_be_oversize(*ip, segments->size(0));
  if (!has_room(segments->count(), segments->size(0), limit, mtu, oversize ? to.oversize : 0)) {
    if (used_ > 0) return false;
    if (!oversize) {
      drop(Drop::kInnerMalformed, &peer, segments->count());
      return true;
    }
    // With its padding a superpacket may exceed even an empty buffer: segments without room are dropped
    // below.
  }

  // 5. Write each segment to where it will be sealed.
  for (std::size_t i = 0; i < segments->count(); ++i) {
    if (segments->size(i) > limit) {
      add_too_large(*segments, i, to);
    } else {
      add_inner(segments->size(i), false, to, [&](std::uint8_t* out) { segments->write(i, out); });
    }
  }
  return true;
}

std::size_t Outbound::oversize_padding(const PeerLink& peer, const net::Endpoint& endpoint) {
  // The kernel fragments only what is larger than its own MTU for the route: padding makes it so.
  if (endpoint.remote.address.is_v4()) return 0;
  return std::min<std::size_t>(kMaxOversize, peer.fragmented_from.load());
}

bool Outbound::has_room(std::size_t segments, std::size_t size, std::size_t limit, std::size_t mtu,
                        std::size_t oversize) const {
  // Each fragment has an IPv4 header of up to 60 bytes, and a payload that is a multiple of eight.
  const std::size_t pieces = size <= limit ? 1 : size / (limit - 68) + 1;
  const std::size_t each =
      size <= limit ? padded_size(size, mtu) : std::max({limit, size / pieces + 68, oversize});
  return segments * pieces * (each + kDataOverhead) + kMaxOversize <= kBufferSize - used_ &&
         runs_.size() + segments * pieces <= runs_.capacity();
}

void Outbound::answer_too_big(const net::Segmenter& segments, const net::IpPacket& ip, ByteView packet,
                              std::size_t limit) {
  const std::size_t told = ip.family == net::Family::kIpv4 ? limit : std::max(limit, net::kIpv6LeastMtu);
  if (segments.size(0) <= told) return;
  if (segments.count() == 1) return answer(packet, ip, net::Undeliverable::kTooBig, told);
  // The ICMP error has to quote a packet as it would have been on the wire.
  segments.write(0, scratch_.get());
  const ByteView first(scratch_.get(), segments.size(0));
  if (const auto first_ip = net::IpPacket::parse(first))
    answer(first, *first_ip, net::Undeliverable::kTooBig, told);
}

void Outbound::answer(ByteView packet, const net::IpPacket& ip, net::Undeliverable reason, std::size_t mtu) {
  if (answers_.add(packet, ip, reason, mtu)) plane_.drops[thread_].answered.add(1);
}

void Outbound::add_too_large(const net::Segmenter& segments, std::size_t index, const Destination& to) {
  const std::size_t size = segments.size(index);
  segments.write(index, scratch_.get());
  const ByteView packet(scratch_.get(), size);
  const auto ip = net::IpPacket::parse(packet);
  if (!ip) return drop(Drop::kInnerMalformed, &to.peer, 1);
  if (const auto fragments = net::Ipv4Fragmenter::plan(packet, *ip, to.limit)) {
    for (std::size_t i = 0; i < fragments->count(); ++i) {
      add_inner(fragments->size(i), false, to, [&](std::uint8_t* out) { fragments->write(i, out); });
    }
  } else if (may_be_oversize(*ip, size) && has_room_for(std::max(padded_size(size, to.mtu), to.oversize))) {
    Destination fragmented = to;
    fragmented.least = to.oversize;
    add_inner(size, true, fragmented, [&](std::uint8_t* out) { std::memcpy(out, packet.data(), size); });
  } else {
    drop(Drop::kTooLarge, &to.peer, 1);
  }
}

void Outbound::append(const Destination& to, bool oversize, std::size_t datagram_size) {
  if (!runs_.empty()) {
    Run& run = runs_.back();
    if (!run.closed && run.keypair == &to.keypair && run.endpoint == &to.endpoint && run.ecn == to.ecn &&
        run.oversize == oversize && datagram_size <= run.segment_size && run.segments < kMaxRunSegments &&
        run.bytes + datagram_size <= kMaxRunBytes) {
      run.closed = datagram_size < run.segment_size;
      run.bytes += datagram_size;
      ++run.segments;
      used_ += datagram_size;
      return;
    }
  }
  runs_.push_back(
      {&to.peer, &to.keypair, &to.endpoint, used_, datagram_size, datagram_size, 1, to.ecn, oversize, false});
  used_ += datagram_size;
}

std::span<const SealedRun> Outbound::finish() {
  for (Run& run : runs_) seal(run);
  return sealed_;
}

void Outbound::seal(Run& run) {
  Keypair& keypair = *run.keypair;
  const unsigned lane = lane_for(run);
  const SealOutcome outcome = protocol::seal({.keypair = keypair,
                                              .datagrams = {buffer_.get() + run.offset, run.bytes},
                                              .datagram_size = run.segment_size,
                                              .lane = lane,
                                              .is_data = true},
                                             now_, jobs_);
  // If the door is full, a later packet must ask again.
  if (outcome.wants_successor &&
      !door_.push(
          {.notice = Notice::kRekey, .peer = run.peer->id, .index = keypair.local_index, .endpoint = {}})) {
    keypair.rekey_requested.store(false);
  }
  if (!outcome.is_sealed) return drop(Drop::kExpiredKey, run.peer, run.segments);

  if (run.segment_size > kLargePacket + kDataOverhead &&
      !run.peer->large_sent.load(std::memory_order_relaxed)) {
    run.peer->large_sent.store(true, std::memory_order_relaxed);
  }
  if (outcome.wants_watch &&
      !door_.push({.notice = Notice::kWatch, .peer = run.peer->id, .index = 0, .endpoint = {}})) {
    run.peer->activity.watched.store(false);
  }
  sealed_.push_back({run.peer, run.endpoint, ByteView(buffer_.get() + run.offset, run.bytes),
                     run.segment_size, run.segments, run.ecn, run.oversize, lane});
}

unsigned Outbound::lane_for(const Run& run) {
  SendLanes& lanes = run.keypair->send_lanes;
  const unsigned lane = lanes.lane_of(worker_);
  if (lane == 0 || lanes.is_open(lane)) return lane;
  // A lane costs messages and memory, so only a peer with a lot of traffic gets one.
  if (run.segments >= kWorthALane && lanes.claim_asking(lane)) {
    const auto number = static_cast<std::uint8_t>(lane);
    if (!door_.push({.notice = Notice::kLaneWanted,
                     .peer = run.peer->id,
                     .index = run.keypair->local_index,
                     .endpoint = {}},
                    std::span(&number, 1))) {
      lanes.close(lane);
    }
  }
  return 0;
}

void Outbound::note_sent(const SealedRun& run, std::size_t sent_datagrams, bool source_gone) {
  TrafficCounters& traffic = run.peer->traffic[thread_];
  traffic.sent_packets.add(sent_datagrams);
  traffic.sent_bytes.add(std::min(sent_datagrams * run.segment_size, run.bytes.size()));
  if (sent_datagrams < run.segments) drop(Drop::kSendFailed, run.peer, run.segments - sent_datagrams);
  // If the door is full, the next run reports it again.
  if (source_gone)
    door_.push({.notice = Notice::kSourceGone, .peer = run.peer->id, .index = 0, .endpoint = {}});
}

void Outbound::hand_over(const net::Segmenter& segments, PeerLink& peer) {
  for (std::size_t i = 0; i < segments.count(); ++i) {
    segments.write(i, scratch_.get());
    const bool pushed =
        door_.push({.notice = Notice::kWaitingPacket, .peer = peer.id, .index = 0, .endpoint = {}},
                   {scratch_.get(), segments.size(i)});
    if (!pushed) return drop(Drop::kDoorFull, &peer, segments.count() - i);
  }
}

void Outbound::drop(Drop reason, PeerLink* peer, std::size_t packets) {
  plane_.drops[thread_].count(reason, packets);
  if (peer != nullptr) peer->traffic[thread_].drops.add(packets);
}

}  // namespace tunneld::protocol
