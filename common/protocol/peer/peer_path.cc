#include "common/protocol/peer/peer_path.h"

#include <algorithm>
#include <utility>

#include "common/protocol/data_message.h"

namespace tunneld::protocol {
namespace {

constexpr std::uint32_t kUdpHeader = 8;
constexpr std::uint32_t kIpv4Overhead = 20 + kUdpHeader + kDataOverhead;
constexpr std::uint32_t kIpv6Overhead = 40 + kUdpHeader + kDataOverhead;
/// RFC 8200's minimum MTU, which nearly every IPv4 path carries as well.
constexpr std::uint32_t kLeastOuter = 1280;
/// How often the host is asked while large packets are sent: ICMP errors reach only the kernel.
constexpr Duration kAskEvery = std::chrono::seconds(5);

}  // namespace

Instant PeerPath::deadline() const {
  if (review_) return Instant{};
  return paused_ ? kNever : std::min(mtu_.deadline(), ask_at_);
}

void PeerPath::watch(Instant now) {
  if (ask_at_ == kNever) ask_at_ = now + kAskEvery;
  mtu_.wake(now);
}

void PeerPath::acknowledged(std::uint64_t id, Instant now) {
  mtu_.acknowledged(id, now);
  publish();
}

void PeerPath::refused(std::uint32_t size, Instant now) {
  mtu_.refused(size, now);
  publish();
}

PeerPath::Step PeerPath::advance(bool can_send, bool answers, Instant now) {
  Step step;
  if (now < deadline()) return step;
  if (std::exchange(review_, false)) look_again(answers, now);
  paused_ = !can_send;
  if (paused_) return step;

  const bool large = link_.large_sent.exchange(false, std::memory_order_relaxed);
  const bool busy = link_.activity.watched.load(std::memory_order_relaxed);
  large_sent_ = large_sent_ || large;
  if (now >= ask_at_) {
    ask_at_ = busy ? now + kAskEvery : kNever;
    step.ask_host = std::exchange(large_sent_, false);
  }
  step.probes = mtu_.advance(large, Instant(Duration(link_.activity.last_received.load())), busy, now);
  publish();
  return step;
}

bool PeerPath::take_news() {
  const std::pair now{link_.path_mtu.load(std::memory_order_relaxed),
                      mtu_.phase() == PathMtu::Phase::kSearching};
  return std::exchange(told_, now) != now;
}

void PeerPath::look_again(bool answers, Instant now) {
  const net::Endpoint* endpoint = link_.endpoint.get();
  known_ = endpoint != nullptr;
  if (!known_) return publish();
  overhead_ = endpoint->remote.address.is_v4() ? kIpv4Overhead : kIpv6Overhead;
  const auto inside = [this](std::uint32_t outer) {
    return std::clamp(outer - std::min(outer, overhead_), kLeastPathMtu,
                      std::max(policy_.most, kLeastPathMtu));
  };
  // A peer that answers probes shows what the path carries. For others the kernel's knowledge is all there
  // is.
  const std::uint32_t most = inside(answers ? route_.interface : std::min(route_.interface, route_.path));
  // As wg-quick does: what fits into the interface's MTU with either family.
  const std::uint32_t usual = route_.interface - std::min(route_.interface, kIpv6Overhead);
  const Basis basis{endpoint->remote.address,
                    {.least = inside(kLeastOuter), .start = std::min(usual, most), .most = most},
                    answers};
  // Another local address means another uplink. No address at all does not: the kernel then chooses as
  // before.
  const bool other_uplink = local_ && endpoint->local && *local_ != *endpoint->local;
  if (endpoint->local) local_ = endpoint->local;
  if (basis != basis_ || other_uplink) {
    basis_ = basis;
    mtu_.begin(basis.bounds, answers, now);
  } else if (inside(route_.path) < mtu_.limit()) {
    mtu_.doubt(now);
  }
  publish();
}

void PeerPath::publish() {
  const std::uint32_t limit = known_ && policy_.hold ? std::max(mtu_.limit(), kLeastPathMtu) : kNoPathMtu;
  if (link_.path_mtu.load(std::memory_order_relaxed) != limit) link_.path_mtu.store(limit);
  const std::uint32_t kernels = std::min(route_.interface, route_.path) + 1;
  link_.fragmented_from.store(kernels - std::min(kernels, overhead_), std::memory_order_relaxed);
}

}  // namespace tunneld::protocol
