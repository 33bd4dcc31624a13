#include "daemon/endpoint_resolver.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <boost/asio/post.hpp>
#include <netdb.h>
#include <sys/socket.h>

#include "common/log.h"
#include "common/net/netlink.h"
#include "common/nothing_left.h"

namespace tunneld::daemon {

using namespace std::chrono_literals;

namespace {

/// How long a later endpoint waits for the lookups of those before it.
constexpr auto kOrderPatience = 1s;

}  // namespace

struct EndpointResolver::Entry {
  Entry(boost::asio::io_context& io, std::uint64_t entry_number, std::string peer_name,
        const std::vector<config::PeerEndpoint>& peer_endpoints)
      : number(entry_number), name(std::move(peer_name)), retry(io), patience(io) {
    for (const config::PeerEndpoint& endpoint : peer_endpoints) endpoints.push_back({.endpoint = endpoint});
  }
  struct Endpoint {
    config::PeerEndpoint endpoint;
    bool looking_up = false;
    /// Of the last lookup.
    Answer answer{};
  };
  const std::uint64_t number;
  std::string name;
  std::vector<Endpoint> endpoints;
  boost::asio::steady_timer retry;
  bool will_retry = false;
  std::chrono::seconds backoff = 1s;
  boost::asio::steady_timer patience;
  /// An answer that is still to come may lead elsewhere.
  bool is_undecided = false;
  bool patience_is_over = false;
  /// Since the last look_up().
  bool has_news = false;
  std::vector<net::SocketAddress> candidates;
  std::size_t chosen = 0;
  std::optional<net::SocketAddress> reported;

  [[nodiscard]] bool is_looking_up() const { return std::ranges::any_of(endpoints, &Endpoint::looking_up); }
  /// Of the last endpoint that has one; empty: none has.
  [[nodiscard]] std::string failure() const {
    for (auto one = endpoints.rbegin(); one != endpoints.rend(); ++one) {
      if (!one->answer.failure.empty()) return one->answer.failure;
    }
    return {};
  }
  [[nodiscard]] std::vector<net::SocketAddress> addresses() const {
    std::vector<net::SocketAddress> all;
    for (const Endpoint& one : endpoints)
      all.insert(all.end(), one.answer.addresses.begin(), one.answer.addresses.end());
    return all;
  }
  /// Whether the first candidate may still be another one.
  [[nodiscard]] bool first_is_open() const {
    for (const Endpoint& one : endpoints) {
      if (one.looking_up) return true;
      if (!one.answer.addresses.empty()) return false;
    }
    return false;
  }
};

/// Where lookup threads leave their answers; `owner` is null once the resolver is gone.
struct EndpointResolver::Inbox {
  std::mutex mutex;
  EndpointResolver* owner;
};

namespace {

/// Resolves an address with its interface ("fe80::1%eth0"). getaddrinfo() reports "name or service not known"
/// both if there is no such interface and if no descriptor is left.
EndpointResolver::Answer resolve_scoped(const config::PeerEndpoint& endpoint) {
  try {
    if (const auto address = net::SocketAddress::parse(endpoint.to_string())) return {{*address}};
    return {{}, "cannot use " + endpoint.host + ": this host has no such interface"};
  } catch (const net::NetlinkError& error) {
    return {{}, "cannot use " + endpoint.host + ": " + error.what()};
  }
}

EndpointResolver::Answer resolve(const config::PeerEndpoint& endpoint) {
  if (endpoint.host.find('%') != std::string::npos) return resolve_scoped(endpoint);
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_ADDRCONFIG;
  if (endpoint.address()) hints.ai_flags = AI_NUMERICHOST;
  addrinfo* list = nullptr;
  errno = 0;
  const int error = getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &list);
  if (error != 0) return {{}, "cannot resolve " + endpoint.host + ": " + words_of_lookup_error(error, errno)};
  EndpointResolver::Answer answer;
  for (const addrinfo* info = list; info != nullptr; info = info->ai_next) {
    if (auto address = net::SocketAddress::from_sockaddr(*info->ai_addr))
      answer.addresses.push_back(*address);
  }
  freeaddrinfo(list);
  return answer;
}

}  // namespace

std::string words_of_lookup_error(int error, int system_error) {
  std::string reason = std::generic_category().message(system_error);
  if (error == EAI_SYSTEM) return reason;
  // No name server was asked.
  if (nothing_left(system_error)) return std::string(gai_strerror(error)) + " (" + reason + ")";
  return gai_strerror(error);
}

EndpointResolver::EndpointResolver(boost::asio::io_context& io, Found found, LookUp look_up)
    : io_(io),
      found_(std::move(found)),
      look_up_(look_up ? std::move(look_up) : LookUp(resolve)),
      inbox_(std::make_shared<Inbox>()) {
  inbox_->owner = this;
}

EndpointResolver::~EndpointResolver() {
  const std::scoped_lock lock(inbox_->mutex);
  inbox_->owner = nullptr;
}

void EndpointResolver::add(protocol::PeerId peer, std::string peer_name,
                           std::vector<config::PeerEndpoint> endpoints) {
  auto entry = std::make_unique<Entry>(io_, ++entries_made_, std::move(peer_name), endpoints);
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
  const bool has_next = entry.chosen + 1 < entry.candidates.size();
  if (has_next) {
    entry.reported = entry.candidates[++entry.chosen];
  } else {
    entry.chosen = 0;
    // With one candidate there is no alternative: report only a new one.
    entry.reported = entry.candidates.size() > 1 ? std::nullopt : current;
  }
  // The names may lead elsewhere by now.
  look_up(peer, entry);
  if (has_next) found_(peer, *entry.reported);
}

void EndpointResolver::retry_failed() {
  for (auto& [peer, entry] : entries_) {
    if (!entry->failure().empty()) look_up(peer, *entry);
  }
}

std::string EndpointResolver::waiting_for(protocol::PeerId peer) const {
  const auto found = entries_.find(peer);
  if (found == entries_.end() || found->second->reported) return {};
  const Entry& entry = *found->second;
  const std::string failure = entry.failure();
  return failure.empty() ? "resolving " + entry.endpoints.front().endpoint.host : failure;
}

void EndpointResolver::look_up(protocol::PeerId peer, Entry& entry) {
  entry.retry.cancel();
  entry.will_retry = false;
  entry.is_undecided = true;
  entry.patience_is_over = entry.has_news = false;
  entry.patience.expires_after(kOrderPatience);
  entry.patience.async_wait([this, peer, number = entry.number](const boost::system::error_code& error) {
    if (error) return;
    const auto waiting = entries_.find(peer);
    if (waiting == entries_.end() || waiting->second->number != number) return;
    waiting->second->patience_is_over = true;
    decide(peer, *waiting->second);
  });
  for (std::size_t i = 0; i < entry.endpoints.size(); ++i) {
    if (std::exchange(entry.endpoints[i].looking_up, true)) continue;
    const auto ask = [peer, number = entry.number, i, endpoint = entry.endpoints[i].endpoint,
                      look_up = look_up_, inbox = inbox_, &io = io_] {
      Answer answer = look_up(endpoint);
      // While `owner` is set the io_context exists, and it runs handlers on the owner's thread.
      const std::scoped_lock lock(inbox->mutex);
      if (inbox->owner == nullptr) return;
      boost::asio::post(io, [peer, number, i, inbox, answer = std::move(answer)] {
        if (EndpointResolver* owner = inbox->owner; owner != nullptr)
          owner->answered(peer, number, i, answer);
      });
    };
    try {
      std::thread(ask).detach();
    } catch (const std::system_error& error) {
      entry.endpoints[i].looking_up = false;
      log::warn("peer {}: cannot look up an endpoint now: {}", entry.name, error.what());
      look_up_later(peer, entry);
    }
  }
}

void EndpointResolver::answered(protocol::PeerId peer, std::uint64_t entry_number, std::size_t endpoint,
                                Answer answer) {
  const auto found = entries_.find(peer);
  if (found == entries_.end() || found->second->number != entry_number) return;
  Entry& entry = *found->second;
  Entry::Endpoint& asked = entry.endpoints[endpoint];
  asked.looking_up = false;
  if (!answer.failure.empty() && answer.failure != asked.answer.failure)
    log::warn("peer {}: {}", entry.name, answer.failure);
  asked.answer = std::move(answer);

  std::vector<net::SocketAddress> addresses = entry.addresses();
  if (addresses.empty()) {
    look_up_later(peer, entry);
    return;
  }
  entry.backoff = 1s;
  entry.has_news = true;
  entry.candidates = std::move(addresses);
  if (candidates_) candidates_(peer, entry.candidates);
  decide(peer, entry);
}

void EndpointResolver::decide(protocol::PeerId peer, Entry& entry) {
  if (!entry.is_undecided || !entry.has_news) return;
  const bool is_looking_up = entry.is_looking_up();
  if (!is_looking_up) {
    entry.is_undecided = false;
    entry.patience.cancel();
  }
  const auto known = std::find(entry.candidates.begin(), entry.candidates.end(), entry.reported);
  if (known != entry.candidates.end()) {
    entry.chosen = static_cast<std::size_t>(known - entry.candidates.begin());
    return;
  }
  // What is called may be among the answers that are still to come.
  const bool is_open = entry.reported ? is_looking_up : entry.first_is_open();
  if (is_open && !entry.patience_is_over) return;
  entry.chosen = 0;
  entry.reported = entry.candidates.front();
  found_(peer, *entry.reported);
}

void EndpointResolver::look_up_later(protocol::PeerId peer, Entry& entry) {
  // Not only when all have failed: one of them may get no answer for long.
  if (std::exchange(entry.will_retry, true)) return;
  entry.retry.expires_after(entry.backoff);
  entry.backoff = std::min<std::chrono::seconds>(2 * entry.backoff, 8s);
  entry.retry.async_wait([this, peer](const boost::system::error_code& error) {
    if (error) return;
    if (const auto again = entries_.find(peer); again != entries_.end()) look_up(peer, *again->second);
  });
}

}  // namespace tunneld::daemon
