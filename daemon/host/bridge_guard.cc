#include "daemon/host/bridge_guard.h"

#include <algorithm>
#include <utility>

namespace tunneld::daemon {
namespace {

/// Strangers can make us look up any number of addresses.
constexpr std::size_t kMostKnown = 4096;
/// Links can be stacked: a VLAN on a bond on a port.
constexpr int kMostLayers = 8;

}  // namespace

BridgeGuard::BridgeGuard(std::string device, std::string bridge, std::vector<std::string> members)
    : device_(std::move(device)), bridge_(std::move(bridge)), members_(std::move(members)) {}

void BridgeGuard::set_mark(std::uint32_t mark) {
  if (std::exchange(mark_, mark) != mark) forget();
}

std::optional<std::string> BridgeGuard::refuses(const net::Endpoint& endpoint) {
  const Key key{endpoint.remote.address, endpoint.remote.scope_id, endpoint.local_interface};
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  std::optional<std::string> words;
  try {
    const net::ResolvedRoute route =
        netlink_.resolve_route(endpoint.remote.address, endpoint.remote.scope_id, mark_);
    words = leads_to_bridge(route.interface_index);
    if (words) words = "the route to it leads through " + *words;
  } catch (const net::NetlinkError&) {
    // Without a route nothing can be sent, so there is nothing to refuse.
  }
  if (!words && endpoint.local_interface != 0) {
    words = leads_to_bridge(endpoint.local_interface);
    if (words) words = "its packets come in through " + *words;
  }
  if (known_.size() >= kMostKnown) forget();
  known_[key] = words;
  return words;
}

std::optional<std::string> BridgeGuard::leads_to_bridge(std::uint32_t index) {
  const std::string tap = ", the bridge of " + device_;
  std::string first;
  std::vector<std::uint32_t> next{index};
  for (int i = 0; !next.empty() && i < kMostLayers; ++i) {
    const std::uint32_t now = next.back();
    next.pop_back();
    net::Link link;
    try {
      link = netlink_.link(now);
    } catch (const net::NetlinkError&) {
      continue;  // removed in the meantime
    }
    if (first.empty()) first = link.name;
    const bool is_port = std::ranges::find(members_, link.name) != members_.end();
    if (link.name == device_ || link.name == bridge_ || is_port) {
      const std::string what = link.name == device_   ? ", the tunnel itself"
                               : link.name == bridge_ ? tap
                                                      : ", a port of " + bridge_ + tap;
      return first == link.name ? first + what : first + ", which leads to " + link.name + what;
    }
    // A port leads to the bridge; so do a VLAN on a port, and a veth whose other end is a port.
    if (link.master != 0) next.push_back(link.master);
    if (link.lower != 0) next.push_back(link.lower);
  }
  return std::nullopt;
}

}  // namespace tunneld::daemon
