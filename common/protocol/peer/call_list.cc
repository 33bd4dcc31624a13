#include "common/protocol/peer/call_list.h"

#include <algorithm>
#include <utility>

namespace tunneld::protocol {
namespace {

/// A name that leads to more is tried in portions.
constexpr std::size_t kMostAtOnce = 8;

}  // namespace

bool CallList::leads_elsewhere(const net::Endpoint* endpoint) const {
  return std::ranges::any_of(addresses_, [endpoint](const net::SocketAddress& address) {
    return endpoint == nullptr || address != endpoint->remote;
  });
}

void CallList::call_endpoint(const net::SocketAddress& endpoint) {
  called_alone_ = endpoint;
  called_.assign(1, endpoint);
}

const std::vector<net::SocketAddress>& CallList::call_all(const net::SocketAddress& endpoint,
                                                          unsigned tries) {
  const auto passed_over = std::exchange(called_alone_, std::nullopt);
  std::vector<net::SocketAddress> all = addresses_;
  if (std::ranges::find(all, endpoint) == all.end()) all.push_back(endpoint);
  std::erase_if(all, [&](const net::SocketAddress& address) { return passed_over == address; });
  const std::size_t begin = all.size() > kMostAtOnce ? (tries - 1) * kMostAtOnce : 0;
  called_.clear();
  for (std::size_t i = 0; i < std::min(all.size(), kMostAtOnce); ++i)
    called_.push_back(all[(begin + i) % all.size()]);
  return called_;
}

bool CallList::is_called(const net::SocketAddress& at) const {
  return std::ranges::find(called_, at) != called_.end();
}

bool CallList::refused(const net::SocketAddress& at) {
  return std::erase(called_, at) != 0 && called_.empty();
}

}  // namespace tunneld::protocol
