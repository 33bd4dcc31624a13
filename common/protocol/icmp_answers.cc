#include "common/protocol/icmp_answers.h"

#include <algorithm>

namespace tunneld::protocol {

void IcmpAnswers::add(ByteView packet, const net::IpPacket& ip, net::Undeliverable reason, std::size_t mtu) {
  if (count_ == kMost || !spend()) return;
  const MutableBytes out(buffer_.get() + count_ * net::kMaxIcmpError, net::kMaxIcmpError);
  lengths_[count_] = net::write_icmp_error(out, packet, ip, reason, ip.destination_address(), mtu);
  if (lengths_[count_] > 0) ++count_;
}

bool IcmpAnswers::spend() {
  constexpr Duration kOne = Duration(std::chrono::seconds(1)) / kPerSecond;
  const auto earned = (now_ - refilled_) / kOne;
  if (earned > 0) {
    budget_ =
        static_cast<int>(std::min<std::int64_t>(kBurst, budget_ + std::min<std::int64_t>(earned, kBurst)));
    refilled_ = earned > kBurst ? now_ : refilled_ + earned * kOne;
  }
  if (budget_ == 0) return false;
  --budget_;
  return true;
}

}  // namespace tunneld::protocol
