// The inbound path at a tap: an opened Ethernet frame goes to the device, to other peers, or both, as the
// switch decides.

#include "common/protocol/ethernet_message.h"
#include "common/protocol/inbound.h"

namespace tunneld::protocol {

ForwardingDecision Inbound::decide(const net::EthernetFrame& frame, PeerLink& peer) {
  if (last_decision_ && last_decision_->source == frame.source &&
      last_decision_->destination == frame.destination && last_decision_->vlan == frame.vlan &&
      last_decision_->from == peer.id)
    return last_decision_->decision;
  const ForwardingDecision decision = plane_.ethernet->from_peer(frame, peer, *plane_.routing.get(), now_);
  // Flooded frames are not cached: each counts towards the limit.
  if (!frame.destination.is_group() && decision.to_peers != ForwardingDecision::ToPeers::kAll)
    last_decision_ = {frame.destination, frame.source, frame.vlan, peer.id, decision};
  return decision;
}

void Inbound::deliver_frame(MutableBytes plain, PeerLink& peer, const ReceivedRun& run) {
  // The peer's HELLO may not have reached the control thread yet, or be lost. The frame itself shows that the
  // peer has a tap: a peer sends none unless it has one and has heard of ours.
  if (!plane_.ethernet || peer.layer2.load(std::memory_order_relaxed) == Layer2::kRefused)
    return drop(Drop::kWrongLayer, &peer);
  if (peer.loops.load(std::memory_order_relaxed)) return drop(Drop::kLoop, &peer);
  const auto bytes = ethernet_in(plain);
  if (!bytes) return drop(Drop::kInnerMalformed, &peer);
  const auto frame = net::EthernetFrame::parse(*bytes);
  if (!frame) return drop(Drop::kInnerMalformed, &peer);
  const ForwardingDecision decision = decide(*frame, peer);
  if (decision.nowhere()) return drop(decision.reason, &peer);

  // Only IP packets carry congestion marks, and only for them does the outer header have any.
  const auto ip = frame->ip(*bytes);
  if (ip) {
    const std::size_t path = ip_limit(plane_.mtu.load(std::memory_order_relaxed),
                                      peer.path_mtu.load(std::memory_order_relaxed), frame->header_length);
    if (!adjust(bytes->subspan(frame->header_length), *ip, run.ecn, path, peer)) return;
  }
  if (decision.to_peers != ForwardingDecision::ToPeers::kNone)
    forwards_.push_back({*bytes, decision, peer.id});
  if (!decision.to_device) return;
  if (!ip) return coalescer_.add(*bytes);
  // The padding of short frames would keep them from being joined; where it is needed it is added again.
  const std::size_t size = frame->header_length + ip->length;
  const bool only_padding = bytes->size() <= net::kShortestOnWire + 2 * net::kVlanTag;
  if (size == bytes->size() || only_padding)
    return coalescer_.add(bytes->first(size), *ip, frame->header_length);
  coalescer_.add_alone(*bytes);
}

}  // namespace tunneld::protocol
