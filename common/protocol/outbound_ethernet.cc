// The outbound path at a tap: Ethernet frames, from the device or from one peer for others, become sealed
// datagrams.
//
//     add_frame(), forward(): the switch → one peer or many → for each: its sending keypair → segments,
//     written where they will be sealed
//
// Two things differ from IP packets (outbound.cc). A frame may go to many peers, so the buffer may become
// full in the middle; the rest then waits for the next call. And nobody can be told that a frame is too
// large: a TCP superpacket is cut to what the path carries, and any other frame that is too large is sent
// whole and fragmented outside.

#include <algorithm>

#include "common/net/mss_clamp.h"
#include "common/protocol/constants.h"
#include "common/protocol/data_message.h"
#include "common/protocol/ecn.h"
#include "common/protocol/ethernet_message.h"
#include "common/protocol/outbound.h"

namespace tunneld::protocol {

bool Outbound::add_frame(const net::VirtioNetHeader& header, MutableBytes bytes) {
  const auto frame = net::EthernetFrame::parse(bytes);
  if (!frame) {
    drop(Drop::kInnerMalformed, nullptr, 1);
    return true;
  }
  if (!flood_.interrupted) {
    flood_.decision = plane_.ethernet->from_device(*frame, *plane_.routing.get(), now_);
    if (flood_.decision.nowhere()) {
      drop(flood_.decision.reason, nullptr, 1);
      return true;
    }
  }
  net::VirtioNetHeader left = header;
  const bool plain = header.gso_type == net::kVirtioGsoNone;
  if (plain && flood_.interrupted) left.flags = 0;  // the checksum was completed by the first call
  const auto segments = net::Segmenter::plan(left, bytes, frame->header_length);
  if (!segments) {
    flood_.interrupted = false;
    drop(Drop::kInnerMalformed, nullptr, 1);
    return true;
  }
  const auto ip = frame->ip(bytes);
  if (const std::uint32_t mss = plane_.mss_clamp.load(std::memory_order_relaxed);
      mss != net::kMssOff && plain && ip && net::may_be_syn(bytes.subspan(frame->header_length), *ip)) {
    // The peer is not known yet, and there may be several.
    const std::size_t path =
        ip_limit(plane_.mtu.load(std::memory_order_relaxed), kNoPathMtu, frame->header_length);
    net::clamp_mss(bytes.subspan(frame->header_length), *ip, net::clamp_mtu(mss, ip->family, path));
  }
  return send_to_peers(*segments, ip ? ip->traffic_class & kEcnMask : 0, kNobody);
}

bool Outbound::forward(const ForwardedFrame& forwarded) {
  const auto frame = net::EthernetFrame::parse(forwarded.bytes);
  if (!frame) return true;
  const auto segments = net::Segmenter::plan({}, forwarded.bytes, frame->header_length);
  if (!segments) return true;
  flood_.decision = forwarded.decision;
  const auto ip = frame->ip(forwarded.bytes);
  return send_to_peers(*segments, ip ? ip->traffic_class & kEcnMask : 0, forwarded.from);
}

bool Outbound::send_to_peers(const net::Segmenter& segments, unsigned ecn, PeerId from) {
  const std::vector<PeerLink*>& links = plane_.routing.get()->links;
  const bool one = flood_.decision.to_peers == ForwardingDecision::ToPeers::kOne;
  if (!std::exchange(flood_.interrupted, false)) flood_.next = one ? flood_.decision.peer : 0;
  const std::size_t end = one ? std::size_t{flood_.decision.peer} + 1 : links.size();
  for (; flood_.next < std::min(end, links.size()); ++flood_.next) {
    PeerLink* link = links[flood_.next];
    if (link == nullptr || link->id == from) continue;
    if (!add_for_peer(*link, segments, static_cast<std::uint8_t>(ecn), !one)) {
      flood_.interrupted = true;
      return false;
    }
  }
  return true;
}

bool Outbound::add_for_peer(PeerLink& peer, net::Segmenter segments, std::uint8_t ecn, bool flooded) {
  if (peer.loops.load(std::memory_order_relaxed)) {
    drop(Drop::kLoop, &peer, segments.count());
    return true;
  }
  Keypair* keypair = peer.keypair_to_send();
  const net::Endpoint* endpoint = peer.endpoint.get();
  const Layer2 layer2 = peer.layer2.load();
  const bool live = keypair != nullptr && !keypair->expired(now_);
  if (live && layer2 == Layer2::kRefused) {
    drop(Drop::kWrongLayer, &peer, segments.count());
    return true;
  }
  const std::size_t limit = plaintext_limit(peer.path_mtu.load(std::memory_order_relaxed));
  const std::size_t room = plane_.mtu.load(std::memory_order_relaxed) + kEthernetRoom;
  const std::size_t mtu = std::min(limit, room);
  segments.limit(mtu - kEthernetPrefix);
  if (!live || layer2 != Layer2::kReady) {
    // A flooded frame does not wait for peers that have to call first.
    if (!flooded || endpoint != nullptr) hand_over_frames(segments, peer);
    return true;
  }
  if (endpoint == nullptr) {
    drop(Drop::kNoEndpoint, &peer, segments.count());
    return true;
  }

  const std::size_t largest = segments.size(0) + kEthernetPrefix;
  if (largest > kLargestPlaintext) {
    drop(Drop::kTooLarge, &peer, segments.count());
    return true;
  }
  const std::size_t most = std::max(padded_size(largest, mtu), largest > limit ? kMaxOversize : 0);
  if (segments.count() * (most + kDataOverhead) > kBufferSize - used_ ||
      runs_.size() + segments.count() > runs_.capacity()) {
    if (used_ > 0) return false;
    drop(Drop::kInnerMalformed, &peer, segments.count());
    return true;
  }
  const Destination whole{peer, *keypair, *endpoint, ecn, limit, mtu};
  Destination fragmented = whole;
  fragmented.least = oversize_padding(peer, *endpoint);
  for (std::size_t i = 0; i < segments.count(); ++i) {
    const std::size_t size = segments.size(i);
    const bool oversize = size + kEthernetPrefix > limit;
    add_inner(size + kEthernetPrefix, oversize, oversize ? fragmented : whole, [&](std::uint8_t* out) {
      write_ethernet_prefix(out, size);
      segments.write(i, out + kEthernetPrefix);
    });
  }
  return true;
}

void Outbound::hand_over_frames(const net::Segmenter& segments, PeerLink& peer) {
  if (segments.size(0) + kEthernetPrefix > kLargestPlaintext)
    return drop(Drop::kTooLarge, &peer, segments.count());
  for (std::size_t i = 0; i < segments.count(); ++i) {
    const std::size_t size = segments.size(i);
    write_ethernet_prefix(scratch_.get(), size);
    segments.write(i, scratch_.get() + kEthernetPrefix);
    if (!door_.push({.notice = Notice::kWaitingPacket, .peer = peer.id, .index = 0, .endpoint = {}},
                    {scratch_.get(), size + kEthernetPrefix}))
      return drop(Drop::kDoorFull, &peer, segments.count() - i);
  }
}

}  // namespace tunneld::protocol
