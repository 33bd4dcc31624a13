#include "common/protocol/outbound.h"

#include <cstring>

#include "common/net/ip_packet.h"
#include "common/protocol/constants.h"
#include "common/protocol/data_message.h"
#include "common/protocol/ecn.h"

namespace tunneld::protocol {

Outbound::Outbound(DataPlane& plane, std::size_t thread)
    : plane_(plane),
      thread_(thread),
      door_(*plane.doors[thread]),
      buffer_(std::make_unique<std::uint8_t[]>(kBufferSize)),
      scratch_(std::make_unique<std::uint8_t[]>(65536)) {
  runs_.reserve(1024);
  sealed_.reserve(1024);
  jobs_.reserve(kMaxRunSegments);
}

void Outbound::begin(Instant now) {
  now_ = now;
  used_ = 0;
  runs_.clear();
  sealed_.clear();
}

bool Outbound::add(const net::VirtioNetHeader& header, MutableBytes packet) {
  // 1. Whose is it?
  const auto ip = net::IpPacket::parse(packet);
  if (!ip || ip->length != packet.size()) {
    drop(Drop::kInnerMalformed, nullptr, 1);
    return true;
  }
  const RoutingTable& routing = *plane_.routing.get();
  const net::AllowedIps::Owner owner = routing.allowed_ips.lookup(ip->family, ip->destination);
  if (owner == net::AllowedIps::kNobody) {
    drop(Drop::kNoRoute, nullptr, 1);
    return true;
  }
  PeerLink& peer = *routing.links[owner];

  // 2. Cut it.
  const auto segments = net::Segmenter::plan(header, packet);
  if (!segments) {
    drop(Drop::kInnerMalformed, &peer, 1);
    return true;
  }
  const std::size_t mtu = plane_.mtu.load(std::memory_order_relaxed);
  const std::size_t largest = padded_size(segments->size(0), mtu) + kDataOverhead;
  if (segments->count() * largest > kBufferSize - used_ ||
      runs_.size() + segments->count() > runs_.capacity()) {
    if (used_ > 0) return false;
    drop(Drop::kInnerMalformed, &peer, segments->count());
    return true;
  }

  // 3. Under which key?
  Keypair* keypair = peer.sending.load();
  const net::Endpoint* endpoint = peer.endpoint.get();
  if (keypair == nullptr || keypair->expired(now_)) {
    hand_over(*segments, peer);
    return true;
  }
  if (endpoint == nullptr) {
    drop(Drop::kNoEndpoint, &peer, segments->count());
    return true;
  }

  // 4. Each segment to where it will be sealed: room for the header before it, for padding and tag after it.
  const std::uint8_t ecn = ip->traffic_class & kEcnMask;
  for (std::size_t i = 0; i < segments->count(); ++i) {
    const std::size_t size = segments->size(i);
    const std::size_t padded = padded_size(size, mtu);
    std::uint8_t* datagram = buffer_.get() + used_;
    std::uint8_t* inner = datagram + sizeof(DataHeader);
    segments->write(i, inner);
    std::memset(inner + size, 0, padded - size);
    append(peer, *keypair, *endpoint, ecn, padded + kDataOverhead);
  }
  return true;
}

void Outbound::append(PeerLink& peer, Keypair& keypair, const net::Endpoint& endpoint, std::uint8_t ecn,
                      std::size_t datagram_size) {
  if (!runs_.empty()) {
    Run& run = runs_.back();
    if (!run.closed && run.keypair == &keypair && run.endpoint == &endpoint && run.ecn == ecn &&
        datagram_size <= run.segment_size && run.segments < kMaxRunSegments &&
        run.bytes + datagram_size <= kMaxRunBytes) {
      run.closed = datagram_size < run.segment_size;
      run.bytes += datagram_size;
      ++run.segments;
      used_ += datagram_size;
      return;
    }
  }
  runs_.push_back({&peer, &keypair, &endpoint, used_, datagram_size, datagram_size, 1, ecn, false});
  used_ += datagram_size;
}

std::span<const SealedRun> Outbound::finish() {
  for (Run& run : runs_) seal(run);
  return sealed_;
}

void Outbound::seal(Run& run) {
  Keypair& keypair = *run.keypair;
  const auto first_counter = keypair.take_counters(run.segments);
  const bool old = keypair.role == Role::kInitiator && now_ - keypair.created >= kRekeyAfterTime;
  if ((old || keypair.counters_used() >= kRekeyAfterMessages) && !keypair.rekey_requested.exchange(true)) {
    // A full door must not lose the request for good.
    if (!door_.push(
            {.notice = Notice::kRekey, .peer = run.peer->id, .index = keypair.local_index, .endpoint = {}})) {
      keypair.rekey_requested.store(false);
    }
  }
  if (!first_counter) return drop(Drop::kExpiredKey, run.peer, run.segments);

  const crypto::CipherKey* fast = keypair.fast_send();
  const MessageType type = fast != nullptr ? MessageType::kFastData : MessageType::kData;
  jobs_.clear();
  std::uint8_t* datagram = buffer_.get() + run.offset;
  for (std::size_t i = 0, left = run.bytes; i < run.segments; ++i) {
    const std::size_t size = std::min(run.segment_size, left);
    const std::uint64_t counter = *first_counter + i;
    const DataHeader header = DataHeader::make(type, keypair.remote_index, counter);
    std::memcpy(datagram, &header, sizeof header);
    jobs_.push_back({.data = datagram + sizeof header, .length = size - kDataOverhead, .counter = counter});
    datagram += size;
    left -= size;
  }
  (fast != nullptr ? *fast : keypair.chacha_send()).seal(jobs_);

  if (run.peer->activity.stamp_sent(now_, true) &&
      !door_.push({.notice = Notice::kWatch, .peer = run.peer->id, .index = 0, .endpoint = {}})) {
    run.peer->activity.watched.store(false);
  }
  sealed_.push_back({run.peer, run.endpoint, ByteView(buffer_.get() + run.offset, run.bytes),
                     run.segment_size, run.segments, run.ecn});
}

void Outbound::note_sent(const SealedRun& run, std::size_t sent_datagrams, bool source_gone) {
  TrafficCounters& traffic = run.peer->traffic[thread_];
  traffic.sent_packets.add(sent_datagrams);
  traffic.sent_bytes.add(std::min(sent_datagrams * run.segment_size, run.bytes.size()));
  if (sent_datagrams < run.segments) drop(Drop::kSendFailed, run.peer, run.segments - sent_datagrams);
  // A full door is no loss: the next run says it again.
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
