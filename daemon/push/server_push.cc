#include "daemon/push/server_push.h"

#include <algorithm>
#include <utility>

#include "common/counted.h"
#include "common/joined.h"
#include "common/json.h"
#include "common/log.h"
#include "common/log_about.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;
using protocol::ConfigMessage;

/// A CONFIG is sent this many times at most; then its client has to ask again.
constexpr unsigned kMostSends = 5;
constexpr auto kLookAtLeasesEvery = 1min;

bool covered(const std::vector<net::IpPrefix>& networks, const net::IpPrefix& network) {
  return std::ranges::any_of(networks, [&](const net::IpPrefix& each) {
    return each.length <= network.length && each.contains(network.address);
  });
}

PoolPlan pool_plan(const config::Config& config) {
  const config::ServerConfig& server = config.server->value;
  PoolPlan plan{.networks = {}, .reserved = {}, .lease_time = server.lease_time};
  for (const auto& network : server.pool) plan.networks.push_back(network.value);
  for (const auto& address : config.interface.addresses)
    plan.reserved.push_back(net::IpPrefix::of(address.value.address));
  for (const config::PeerConfig& peer : config.peers) {
    for (const auto& address : peer.addresses) plan.reserved.push_back(net::IpPrefix::of(address.value));
    for (const auto& network : peer.allowed_ips) {
      if (covered(plan.networks, network.value)) plan.reserved.push_back(network.value);
    }
  }
  return plan;
}

std::set<net::Family> families_of(const std::vector<net::IpAddress>& addresses) {
  std::set<net::Family> families;
  for (const net::IpAddress& address : addresses) families.insert(address.family());
  return families;
}

config::PeerConfig with_addresses(const config::PeerConfig& peer, const Leases& leases) {
  config::PeerConfig whole = peer;
  for (const auto& address : peer.addresses)
    whole.allowed_ips.push_back({net::IpPrefix::of(address.value), address.at});
  if (const auto lease = leases.find(peer.public_key.value); lease != leases.end()) {
    for (const net::IpAddress& address : lease->second.addresses)
      whole.allowed_ips.push_back({net::IpPrefix::of(address), peer.public_key.at});
  }
  return whole;
}

}  // namespace

ServerPush::ServerPush(std::shared_ptr<const config::Config> config, const protocol::Tunnel& tunnel,
                       Host host, const std::vector<Lease>& leases, Now now)
    : config_(std::move(config)), tunnel_(tunnel), host_(std::move(host)), pool_(pool_plan(*config_)) {
  take_peers();
  for (const Lease& lease : leases) {
    if (by_key_.contains(lease.key)) pool_.restore(lease);
  }
  saved_ = now.boot;
  look_at_leases_at_ = now.boot + kLookAtLeasesEvery;
}

void ServerPush::on_event(const PushPeer& from, const protocol::Event& event) {
  using protocol::Event;
  // Whoever comes back asks again.
  if (event.is<Event::Bye, Event::SessionExpired, Event::HelloLost>()) clients_.erase(from.id);
}

void ServerPush::on_frame(const PushPeer& from, const protocol::ControlFrame& frame, Now now,
                          PushFrames& out) {
  if (frame.type == protocol::FrameType::kConfigRequest) requested(from, now, out);
  if (frame.type == protocol::FrameType::kConfigAck) acknowledged(from.id, frame);
}

std::optional<protocol::ControlFrame> ServerPush::last_word(protocol::PeerId peer) {
  const auto client = clients_.find(peer);
  if (client == clients_.end() || client->second.told.refusal) return std::nullopt;
  ConfigMessage nothing;
  nothing.serial = ++serial_;
  nothing.lifetime = client->second.told.lifetime;
  return nothing.to_frame();
}

Instant ServerPush::deadline() const {
  Instant first = look_at_leases_at_;
  for (const auto& [id, client] : clients_) first = std::min(first, client.repeat_at);
  return first;
}

void ServerPush::on_timer(Now now, PushFrames& out) {
  for (auto& [id, client] : clients_) {
    if (client.repeat_at <= now.boot) send(id, client, now.boot, out);
  }
  if (look_at_leases_at_ > now.boot) return;
  look_at_leases_at_ = now.boot + kLookAtLeasesEvery;
  renew_leases(now);
  // What the file says of when they were seen may lag behind by a fraction of the lease.
  const Duration lag = std::min<Duration>(1h, pool_.plan().lease_time / 8);
  if (!pool_.leases().empty() && now.boot - saved_ >= lag) save(pool_, now);
}

void ServerPush::stop(Now now) {
  renew_leases(now);
  if (!pool_.leases().empty()) save(pool_, now);
}

// --- The configuration

void ServerPush::take_peers() {
  by_key_.clear();
  for (const config::PeerConfig& peer : config_->peers) by_key_[peer.public_key.value] = &peer;
}

std::vector<net::IpAddress> ServerPush::fixed_addresses(const config::PeerConfig& peer) const {
  std::vector<net::IpAddress> addresses;
  for (const auto& address : peer.addresses) addresses.push_back(address.value);
  // A single address of the pool in `allowed_ips` is reserved for that peer, too.
  for (const auto& network : peer.allowed_ips) {
    if (network.value.is_single() && covered(pool_.plan().networks, network.value))
      addresses.push_back(network.value.address);
  }
  return addresses;
}

AddressPool ServerPush::pool_for(const config::Config& next) const {
  std::set<crypto::PublicKey> known;
  for (const config::PeerConfig& peer : next.peers) known.insert(peer.public_key.value);
  AddressPool pool = pool_;
  for (const auto& [key, lease] : pool_.leases()) {
    if (!known.contains(key)) pool.release(key);
  }
  pool.replan(pool_plan(next));
  return pool;
}

void ServerPush::reconfigured(std::shared_ptr<const config::Config> config, AddressPool pool, Now now,
                              PushFrames& out) {
  config_ = std::move(config);
  take_peers();
  std::swap(pool_, pool);
  // More leases on disk than in memory are harmless: they are checked when they are read.
  if (pool_.leases() != pool.leases()) save(pool_, now);
  std::erase_if(clients_, [this](const auto& client) { return config_of(client.second.key) == nullptr; });
  std::erase_if(refused_, [this](const auto& refused) { return config_of(refused.second.key) == nullptr; });
  lease_to_all(now);
  for (auto& [id, client] : clients_) answer(id, client, now, out);
}

void ServerPush::lease_to_all(Now now) {
  renew_leases(now);
  AddressPool next = pool_;
  Grants grants;
  for (const auto& [id, client] : clients_) {
    const config::PeerConfig& peer = *config_of(client.key);
    const auto grant = next.grant(client.key, now, families_of(fixed_addresses(peer)));
    if (grant && grant->is_new) grants.emplace_back(client.key, *grant);
  }
  if (!grants.empty() && save(next, now)) (void)take_pool(std::move(next), grants, now);
}

const config::PeerConfig* ServerPush::config_of(const crypto::PublicKey& key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

// --- Answers

void ServerPush::requested(const PushPeer& from, Now now, PushFrames& out) {
  if (config_of(from.key) == nullptr) return;
  const auto refused = refused_.find(from.id);
  if (refused != refused_.end() && !refused->second.looks.allow(now.boot)) return;
  Client& client = clients_.try_emplace(from.id, Client{.key = from.key}).first->second;
  client.acknowledged = false;  // whatever it had, it wants it again
  answer(from.id, client, now, out);
}

void ServerPush::answer(protocol::PeerId id, Client& client, Now now, PushFrames& out) {
  ConfigMessage message = message_for(id, *config_of(client.key), now);
  message.serial = client.told.serial;
  if (message == client.told && client.acknowledged) return;
  if (message != client.told) {
    message.serial = ++serial_;
    client.told = std::move(message);
  }
  client.acknowledged = false;
  client.sent = 0;
  send(id, client, now.boot, out);
}

void ServerPush::send(protocol::PeerId id, Client& client, Instant now, PushFrames& out) {
  client.repeat_at = kNever;
  protocol::ControlFrame frame = client.told.to_frame();
  if (!encode(frame)) {
    log::error("peer {}: its configuration does not fit into one message: push fewer routes",
               name_of(client.key));
    return;
  }
  out.push_back({id, std::move(frame)});
  if (++client.sent < kMostSends) client.repeat_at = now + std::chrono::seconds(1U << (client.sent - 1));
}

void ServerPush::acknowledged(protocol::PeerId id, const protocol::ControlFrame& frame) {
  const auto client = clients_.find(id);
  if (client == clients_.end() || acked_serial(frame) != client->second.told.serial) return;
  client->second.acknowledged = true;
  client->second.repeat_at = kNever;
}

ConfigMessage ServerPush::message_for(protocol::PeerId id, const config::PeerConfig& peer, Now now) {
  const crypto::PublicKey& key = peer.public_key.value;
  ConfigMessage message;
  const auto refuse = [&](ConfigMessage::Refusal refusal, const std::string& words) {
    message = {};
    message.refusal = refusal;
    const auto [known, is_new] = refused_.try_emplace(id, Refused{.key = key, .why = refusal});
    if (is_new || known->second.why != refusal) {
      const log::About about("refused", peer.name.value);
      log::error("peer {}: cannot give it an address: {}", peer.name.value, words);
    }
    known->second.why = refusal;
    return message;
  };
  message.addresses = fixed_addresses(peer);
  const std::set<net::Family> fixed = families_of(message.addresses);

  if (pool_.has_all(key, fixed)) {
    pool_.renew(key, now);
  } else {
    // A connected client must not lose its address because the clock was set or the minute is not over.
    renew_leases(now);
    AddressPool next = pool_;
    const auto grant = next.grant(key, now, fixed);
    if (!grant) {
      return refuse(ConfigMessage::Refusal::kExhausted, "the pool " + next.exhausted() + " is used up (" +
                                                            counted(next.leases().size(), "lease") +
                                                            "): make 'server.pool' larger");
    }
    if (grant->is_new && !save(next, now))
      return refuse(ConfigMessage::Refusal::kStorage, "its lease cannot be written to disk");
    if (!take_pool(std::move(next), {{key, *grant}}, now))
      return refuse(ConfigMessage::Refusal::kStorage, "host and tunnel cannot follow its lease");
  }
  refused_.erase(id);
  if (const Lease* lease = pool_.find(key))
    message.addresses.insert(message.addresses.end(), lease->addresses.begin(), lease->addresses.end());

  const config::PushConfig& all = config_->server->value.push;
  const config::PushConfig& own = peer.push;
  message.routes = routes_for(peer);
  if (const auto& dns = own.dns ? own.dns : all.dns) {
    for (const auto& server : dns->servers) message.dns_servers.push_back(server.value);
    for (const auto& domain : dns->search) message.dns_search.push_back(domain.value);
  }
  message.mtu = own.mtu ? own.mtu : all.mtu;
  if (const auto keepalive = own.keepalive ? own.keepalive : all.keepalive) {
    message.keepalive =
        static_cast<std::uint16_t>(std::chrono::duration_cast<std::chrono::seconds>(*keepalive).count());
  }
  const auto lifetime =
      std::chrono::duration_cast<std::chrono::seconds>(config_->server->value.lease_time).count();
  message.lifetime = static_cast<std::uint32_t>(std::min<std::int64_t>(lifetime, UINT32_MAX));
  return message;
}

std::string ServerPush::name_of(const crypto::PublicKey& key) const {
  const config::PeerConfig* peer = config_of(key);
  return peer == nullptr ? "" : peer->name.value;
}

std::vector<net::IpPrefix> ServerPush::routes_for(const config::PeerConfig& peer) const {
  // The pool's networks, and this host if it is outside of them.
  std::vector<net::IpPrefix> routes = pool_.plan().networks;
  for (const auto& address : config_->interface.addresses) {
    const net::IpPrefix network = address.value.network();
    if (!covered(routes, network)) routes.push_back(network);
  }
  const auto& pushed = peer.push.routes ? peer.push.routes : config_->server->value.push.routes;
  if (!pushed) return routes;
  for (const auto& route : *pushed) {
    // Not the client's own networks.
    const bool is_its_own = std::ranges::any_of(
        peer.allowed_ips, [&](const auto& network) { return network.value == route.value; });
    if (!is_its_own && std::ranges::find(routes, route.value) == routes.end()) routes.push_back(route.value);
  }
  return routes;
}

bool ServerPush::take_pool(AddressPool next, const Grants& grants, Now now) {
  try {
    host_.take(next.leases());
  } catch (const std::exception& error) {
    log::error("cannot apply new leases: {}", error.what());
    // The file contains it already.
    save(pool_, now);
    return false;
  }
  pool_ = std::move(next);
  for (const auto& [key, grant] : grants) {
    const std::string name = name_of(key);
    const log::About about("leased", name);
    if (grant.is_new)
      log::info("peer {}: leased {}", name, joined(grant.addresses, &net::IpAddress::to_string));
    for (const crypto::PublicKey& loser : grant.lost)
      log::info("peer {}: its expired lease was given to {}", name_of(loser), name_of(key));
  }
  return true;
}

// --- Leases

void ServerPush::renew_leases(Now now) {
  tunnel_.for_each_peer([&](protocol::PeerId, const protocol::Peer& peer) {
    if (peer.status(now.boot).session_live) pool_.renew(peer.options().public_key, now);
  });
}

bool ServerPush::save(const AddressPool& pool, Now now) {
  try {
    const auto is_off = [now](const auto& each) {
      const Lease& lease = each.second;
      return lease.seen_in_run && std::chrono::abs(now.wall - lease.age(now) - lease.seen) >= 1s;
    };
    if (std::ranges::none_of(pool.leases(), is_off)) {
      host_.save(pool.leases());
    } else {
      Leases leases = pool.leases();
      for (auto& [key, lease] : leases) {
        if (lease.seen_in_run) lease.seen = now.wall - lease.age(now);
      }
      host_.save(leases);
    }
    saved_ = now.boot;
    told_unsaved_ = false;
    return true;
  } catch (const std::exception& error) {
    log::line(std::exchange(told_unsaved_, true) ? log::Level::kDebug : log::Level::kWarning,
              "leases are not saved: {}", error.what());
    return false;
  }
}

Json ServerPush::status(Now now) const {
  Json leases = Json::array();
  for (const auto& [key, lease] : pool_.leases()) {
    const auto peer = by_key_.find(key);
    Json addresses = Json::array();
    for (const net::IpAddress& address : lease.addresses) addresses.push_back(address.to_string());
    leases.push_back(
        {{"peer", peer == by_key_.end() ? "" : peer->second->name.value},
         {"public_key", key.to_base64()},
         {"addresses", std::move(addresses)},
         {"seen_seconds_ago", std::chrono::duration_cast<std::chrono::seconds>(lease.age(now)).count()}});
  }
  Json told = Json::array();
  for (const auto& [id, client] : clients_) {
    told.push_back({{"peer", name_of(client.key)},
                    {"serial", client.told.serial},
                    {"acknowledged", client.acknowledged},
                    {"refused", client.told.refusal.has_value()}});
  }
  return {{"leases", std::move(leases)}, {"clients", std::move(told)}};
}

std::vector<config::PeerConfig> peers_with(const config::Config& config, const Leases& leases) {
  std::vector<config::PeerConfig> all;
  all.reserve(config.peers.size());
  for (const config::PeerConfig& peer : config.peers) all.push_back(with_addresses(peer, leases));
  return all;
}

}  // namespace tunneld::daemon
