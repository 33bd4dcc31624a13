#include "daemon/endpoint_resolver.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <system_error>
#include <thread>

#include <boost/asio/post.hpp>
#include <netdb.h>
#include <sys/socket.h>

#include "common/log.h"
#include "common/net/netlink.h"
#include "common/nothing_left.h"

namespace tunneld::daemon {

using namespace std::chrono_literals;

struct EndpointResolver::Entry {
  Entry(boost::asio::io_context& io, std::string peer_name, std::vector<config::PeerEndpoint> peer_endpoints)
      : name(std::move(peer_name)), endpoints(std::move(peer_endpoints)), retry(io) {}
  std::string name;
  std::vector<config::PeerEndpoint> endpoints;
  boost::asio::steady_timer retry;
  std::chrono::seconds backoff = 1s;
  bool looking_up = false;
  std::string failure;
  std::vector<net::SocketAddress> candidates;
  std::size_t chosen = 0;
  std::optional<net::SocketAddress> reported;
};

/// Where lookup threads leave their answers; `owner` is null once the resolver is gone.
struct EndpointResolver::Inbox {
  std::mutex mutex;
  EndpointResolver* owner;
};

namespace {

/// Resolves an address with its interface ("fe80::1%eth0"). getaddrinfo() reports "name or service not known"
/// both if there is no such interface and if no descriptor is left.
std::vector<net::SocketAddress> resolve_scoped(const config::PeerEndpoint& endpoint, std::string& failure) {
  try {
    if (const auto address = net::SocketAddress::parse(endpoint.to_string())) return {*address};
    failure = "cannot use " + endpoint.host + ": this host has no such interface";
  } catch (const net::NetlinkError& error) {
    failure = "cannot use " + endpoint.host + ": " + error.what();
  }
  return {};
}

std::vector<net::SocketAddress> resolve(const config::PeerEndpoint& endpoint, std::string& failure) {
  if (endpoint.host.find('%') != std::string::npos) return resolve_scoped(endpoint, failure);
  std::vector<net::SocketAddress> addresses;
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_ADDRCONFIG;
  if (endpoint.address()) hints.ai_flags = AI_NUMERICHOST;
  addrinfo* list = nullptr;
  errno = 0;
  const int error = getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &list);
  if (error != 0) {
    failure = "cannot resolve " + endpoint.host + ": " + words_of_lookup_error(error, errno);
    return addresses;
  }
  for (const addrinfo* info = list; info != nullptr; info = info->ai_next) {
    if (auto address = net::SocketAddress::from_sockaddr(*info->ai_addr)) addresses.push_back(*address);
  }
  freeaddrinfo(list);
  return addresses;
}

}  // namespace

std::string words_of_lookup_error(int error, int system_error) {
  const std::string reason = std::generic_category().message(system_error);
  if (error == EAI_SYSTEM) return reason;
  // No name server was asked.
  if (nothing_left(system_error)) return std::string(gai_strerror(error)) + " (" + reason + ")";
  return gai_strerror(error);
}

EndpointResolver::EndpointResolver(boost::asio::io_context& io, Found found)
    : io_(io), found_(std::move(found)), inbox_(std::make_shared<Inbox>()) {
  inbox_->owner = this;
}

EndpointResolver::~EndpointResolver() {
  const std::scoped_lock lock(inbox_->mutex);
  inbox_->owner = nullptr;
}

void EndpointResolver::add(protocol::PeerId peer, std::string peer_name,
                           std::vector<config::PeerEndpoint> endpoints) {
  auto entry = std::make_unique<Entry>(io_, std::move(peer_name), std::move(endpoints));
  look_up(peer, *(entries_[peer] = std::move(entry)));
}

void EndpointResolver::remove(protocol::PeerId peer) {
  entries_.erase(peer);
}

void EndpointResolver::refresh(protocol::PeerId peer, const std::optional<net::SocketAddress>& current) {
  const auto found = entries_.find(peer);
  if (found == entries_.end()) return;
  found->second->reported = current;
  look_up(peer, *found->second);
}

void EndpointResolver::next(protocol::PeerId peer, const std::optional<net::SocketAddress>& current) {
  const auto found = entries_.find(peer);
  if (found == entries_.end()) return;
  Entry& entry = *found->second;
  if (entry.chosen + 1 < entry.candidates.size()) {
    entry.reported = entry.candidates[++entry.chosen];
    found_(peer, *entry.reported);
    return;
  }
  entry.chosen = 0;
  // With one candidate there is no alternative: report only a new one.
  entry.reported = entry.candidates.size() > 1 ? std::nullopt : current;
  look_up(peer, entry);
}

void EndpointResolver::retry_failed() {
  for (auto& [peer, entry] : entries_) {
    if (!entry->failure.empty()) look_up(peer, *entry);
  }
}

std::string EndpointResolver::waiting_for(protocol::PeerId peer) const {
  const auto found = entries_.find(peer);
  if (found == entries_.end() || found->second->reported) return {};
  const Entry& entry = *found->second;
  return entry.failure.empty() ? "resolving " + entry.endpoints.front().host : entry.failure;
}

void EndpointResolver::look_up(protocol::PeerId peer, Entry& entry) {
  if (entry.looking_up) return;
  entry.looking_up = true;
  entry.retry.cancel();
  std::thread([peer, endpoints = entry.endpoints, inbox = inbox_, &io = io_] {
    std::vector<net::SocketAddress> addresses;
    std::string failure;
    for (const config::PeerEndpoint& endpoint : endpoints) {
      const auto more = resolve(endpoint, failure);
      addresses.insert(addresses.end(), more.begin(), more.end());
    }
    // While `owner` is set the io_context exists, and it runs handlers on the owner's thread.
    const std::scoped_lock lock(inbox->mutex);
    if (inbox->owner == nullptr) return;
    boost::asio::post(io, [peer, inbox, addresses = std::move(addresses), failure = std::move(failure)] {
      if (EndpointResolver* owner = inbox->owner; owner != nullptr) owner->answered(peer, addresses, failure);
    });
  }).detach();
}

void EndpointResolver::answered(protocol::PeerId peer, std::vector<net::SocketAddress> addresses,
                                std::string failure) {
  const auto found = entries_.find(peer);
  if (found == entries_.end()) return;
  Entry& entry = *found->second;
  entry.looking_up = false;
  if (!failure.empty() && failure != entry.failure) log::warn("peer {}: {}", entry.name, failure);
  entry.failure = std::move(failure);

  if (addresses.empty()) {
    entry.retry.expires_after(entry.backoff);
    entry.backoff = std::min<std::chrono::seconds>(2 * entry.backoff, 8s);
    entry.retry.async_wait([this, peer](const boost::system::error_code& error) {
      if (error) return;
      if (const auto again = entries_.find(peer); again != entries_.end()) look_up(peer, *again->second);
    });
    return;
  }
  entry.backoff = 1s;
  entry.candidates = std::move(addresses);
  if (candidates_) candidates_(peer, entry.candidates);
  const auto known = std::find(entry.candidates.begin(), entry.candidates.end(), entry.reported);
  if (known != entry.candidates.end()) {
    entry.chosen = static_cast<std::size_t>(known - entry.candidates.begin());
    return;
  }
  entry.chosen = 0;
  entry.reported = entry.candidates.front();
  found_(peer, *entry.reported);
}

}  // namespace tunneld::daemon
