#include "common/protocol/inner_icmp_errors.h"

#include <algorithm>

namespace tunneld::protocol {

bool InnerIcmpErrors::add(ByteView packet, const net::IpPacket& ip, net::Undeliverable reason,
                          std::size_t mtu) {
  const bool too_big = reason == net::Undeliverable::kTooBig;
  Budget& budget = too_big ? too_big_ : unreachable_;
  if (count_ >= (too_big ? kMost : kMostUnreachable) || !refill(budget)) return false;
  const MutableBytes out(buffer_.get() + count_ * net::kMaxIcmpError, net::kMaxIcmpError);
  lengths_[count_] = net::write_icmp_error(out, packet, ip, reason, ip.destination_address(), mtu);
  if (lengths_[count_] == 0) return false;  // a packet that must not be answered does not use up the budget
  --budget.left;
  ++count_;
  return true;
}

bool InnerIcmpErrors::refill(Budget& budget) const {
  constexpr Duration kOne = Duration(std::chrono::seconds(1)) / kPerSecond;
  const auto earned = (now_ - budget.refilled) / kOne;
  if (earned > 0) {
    budget.left = static_cast<int>(
        std::min<std::int64_t>(kBurst, budget.left + std::min<std::int64_t>(earned, kBurst)));
    budget.refilled = earned > kBurst ? now_ : budget.refilled + earned * kOne;
  }
  return budget.left > 0;
}

}  // namespace tunneld::protocol
