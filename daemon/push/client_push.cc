#include "daemon/push/client_push.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <variant>

#include "common/joined.h"
#include "common/json.h"
#include "common/log.h"
#include "common/log_about.h"
#include "daemon/host/route_coverage.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;
using protocol::ConfigMessage;

/// The default keepalive of a client. It keeps a NAT's mapping open.
constexpr Duration kUsualKeepalive = 25s;
/// An unanswered request is repeated after 1, 2, 4 … seconds, at most this.
constexpr Duration kLongestWait = 60s;
constexpr auto kLookEvery = 1min;
/// If the host's network changes too often to look at each change.
constexpr auto kLookAgainIn = 5s;

template <typename T>
std::vector<std::string> texts(const std::vector<T>& items) {
  std::vector<std::string> out;
  for (const T& item : items) out.push_back(item.to_string());
  return out;
}

template <typename T>
auto is_in(const std::vector<T>& items) {
  return [&items](const T& item) { return std::ranges::find(items, item) != items.end(); };
}

/// Whether `config` allows this peer to configure the client.
bool is_server_in(const config::Config& config, const crypto::PublicKey& key) {
  const auto& servers = config.client->value.servers;
  const auto called = std::ranges::count_if(
      config.peers, [](const config::PeerConfig& peer) { return !peer.endpoints.empty(); });
  return std::ranges::any_of(config.peers, [&](const config::PeerConfig& peer) {
    if (peer.public_key.value != key) return false;
    // If several peers have endpoints, the file must name the server (config/cross_checks.cc).
    if (servers.empty()) return peer.endpoints.empty() ? config.peers.size() == 1 : called == 1;
    return std::ranges::any_of(servers, [&](const auto& name) { return name.value == peer.name.value; });
  });
}

/// A server sends an empty configuration to a client that it removes, and thereby takes back everything.
bool gives_nothing(const ConfigMessage& message) {
  ConfigMessage nothing;
  nothing.serial = message.serial;
  nothing.lifetime = message.lifetime;
  return message == nothing;
}

}  // namespace

ClientPush::ClientPush(std::shared_ptr<const config::Config> config, const protocol::Tunnel& tunnel,
                       Host host, Instant now)
    : config_(std::move(config)), tunnel_(tunnel), host_(std::move(host)), look_at_(now + kLookEvery) {}

void ClientPush::on_event(const PushPeer& from, const protocol::Event& event, Instant now, PushFrames& out) {
  using protocol::Event;
  if (event.is<Event::Hello>()) {
    const protocol::Peer* peer = tunnel_.find_peer(from.key);
    const bool serves = peer != nullptr && peer->remote() && peer->remote()->capabilities.config;
    if (is_source(from.key)) held_.source->serves = serves;
    if (!serves || !is_server(from.key)) return;
    questions_.erase(from.id);
    ask(from, now, out);
  } else if (event.is<Event::HelloLost, Event::Bye>()) {
    questions_.erase(from.id);
    // The lifetime starts now, because the peer was a server until now. If it had stopped being
    // one before, the lifetime has begun already.
    if (is_source(from.key) && std::exchange(held_.source->serves, false)) held_.source->term.renew(now);
  }
}

void ClientPush::on_frame(const PushPeer& from, const protocol::ControlFrame& frame, Instant now,
                          PushFrames& out) {
  if (frame.type == protocol::FrameType::kConfig) received(from, frame, now, out);
}

Instant ClientPush::deadline() const {
  Instant first = look_at_;
  for (const auto& [id, question] : questions_) first = std::min(first, question.repeat_at);
  return first;
}

void ClientPush::on_timer(Instant now, PushFrames& out) {
  // Removed peers are not asked any more. If a peer with the same key was added again, it has another id.
  std::erase_if(questions_, [this](const auto& question) {
    const protocol::Peer* peer = tunnel_.find_peer(question.second.key);
    return peer == nullptr || peer->link().id != question.first;
  });
  for (auto& [id, question] : questions_) {
    if (question.repeat_at <= now) ask({id, question.key}, now, out);
  }
  if (look_at_ > now) return;
  look_at_ = now + kLookEvery;
  look_at_lifetime(now);
  look_at_host(now);
}

void ClientPush::host_changed(Instant now) {
  if (host_looks_.allow(now)) return look_at_host(now);
  look_at_ = std::min(look_at_, now + kLookAgainIn);
}

// --- Asking

void ClientPush::ask(const PushPeer& server, Instant now, PushFrames& out) {
  Question& question = questions_.try_emplace(server.id, Question{.key = server.key}).first->second;
  out.push_back({server.id, protocol::config_request()});
  const Duration wait =
      std::min<Duration>(kLongestWait, std::chrono::seconds(1U << std::min(question.sent, 6U)));
  ++question.sent;
  question.repeat_at = now + wait;
}

// --- Taking

void ClientPush::received(const PushPeer& from, const protocol::ControlFrame& frame, Instant now,
                          PushFrames& out) {
  const protocol::Peer* peer = tunnel_.find_peer(from.key);
  const auto question = questions_.find(from.id);
  if (peer == nullptr) return;
  const auto complain = [&](const std::string& words) {
    if (question == questions_.end() || question->second.logged == words) return;
    question->second.logged = words;
    // A peer that alternates between two problems could fill the log.
    log::line(complaints_.allow(now) ? log::Level::kWarning : log::Level::kDebug, "peer {}: {}",
              name_of(from.key), words);
  };
  if (!is_server(from.key)) return refuse_other(name_of(from.key));
  const auto message = ConfigMessage::from(frame);
  if (!message) return complain("sent an invalid configuration, which is ignored");
  if (held_.source && held_.source->server != from.key && is_live(held_.source->server, now))
    return complain("offers a configuration, but this host is configured by " + held_.source->name);
  if (message->refusal) {
    complain(*message->refusal == ConfigMessage::Refusal::kExhausted
                 ? "has no address left for this host; asking again every minute"
                 : "cannot keep a lease for this host; asking again every minute");
    out.push_back({from.id, protocol::config_ack(message->serial)});
    if (question != questions_.end()) question->second.repeat_at = now + kLongestWait;
    // If the server has no address left, others have our earlier addresses by now.
    if (is_source(from.key) && *message->refusal == ConfigMessage::Refusal::kExhausted) drop();
    return;
  }
  if (gives_nothing(*message)) {
    // The server's BYE follows at once. It may have ended the session already, so peer->remote() is not
    // needed here.
    if (is_source(from.key)) {
      log::warn("{} has withdrawn its configuration: it no longer knows this host", name_of(from.key));
      drop();
    }
  } else if (!peer->remote() || !take(from, *message, now)) {
    return;
  }
  out.push_back({from.id, protocol::config_ack(message->serial)});
  // The request is answered. The next one is sent in the next session.
  questions_.erase(from.id);
}

bool ClientPush::take(const PushPeer& from, const ConfigMessage& message, Instant now) {
  const crypto::PublicKey& key = from.key;
  const std::uint64_t instance = tunnel_.find_peer(key)->remote()->instance;
  const bool same_life = held_.source && held_.source->server == key && held_.source->instance == instance;
  if (same_life && message.serial < held_.source->message.serial) return false;  // late
  ConfigMessage but_for_serial = message;
  if (held_.source) but_for_serial.serial = held_.source->message.serial;
  const bool is_other =
      !held_.source || held_.source->server != key || held_.source->message != but_for_serial;
  // A server must not keep the host busy with changes.
  if (is_other && !changes_.allow(now)) return false;
  Held next = held_;
  // With a different message, items that failed are tried again. With the same one, they would only fail
  // again.
  if (is_other) {
    next.left_out = {};
    next.why_left_out.clear();
  }
  next.source = Source{.server = key,
                       .name = name_of(key),
                       .instance = instance,
                       .message = message,
                       .term = ConfigTerm(std::chrono::seconds(message.lifetime), now)};
  try {
    decide_and_tell(next, *config_, now);
  } catch (const std::system_error& error) {
    const log::About about("configuration refused", next.source->name);
    log::line(complaints_.allow(now) ? log::Level::kError : log::Level::kDebug,
              "the configuration of {} is not accepted: {}", next.source->name, error.what());
    return false;
  }
  const bool server_changed = !held_.source || held_.source->server != key;
  if (next.accepted == held_.accepted && !server_changed) {
    held_ = std::move(next);
    return true;
  }
  // The same message may lead to another decision, which also depends on the server's endpoint. The server
  // controls that, too, so the limit applies here as well.
  if (!is_other && !changes_.allow(now)) return false;
  if (const std::string why = apply(next); !why.empty()) {
    const log::About about("configuration refused", next.source->name);
    log::error("the configuration of {} cannot be applied: {}", next.source->name, why);
    held_.told_refused = std::move(next.told_refused);
    return false;
  }
  const log::About about("configured", held_.source->name);
  log::info("configured by {}: addresses {}; routes {}", held_.source->name,
            joined(texts(held_.accepted.addresses)), joined(texts(held_.accepted.routes)));
  return true;
}

void ClientPush::decide_and_tell(Held& held, const config::Config& config, Instant now) const {
  if (!held.source) {
    held.refused.clear();
    held.accepted = {};
    return;
  }
  std::vector<net::IpAddress> endpoints;
  tunnel_.for_each_peer([&](protocol::PeerId, const protocol::Peer& peer) {
    if (const auto endpoint = peer.status(now).endpoint) endpoints.push_back(endpoint->remote.address);
  });
  Acceptance acceptance =
      decide(held.source->message, config, held.source->server, endpoints, host_.networks());
  std::erase_if(acceptance.accepted.addresses, is_in(held.left_out.addresses));
  std::erase_if(acceptance.accepted.routes, is_in(held.left_out.routes));
  if (held.left_out.mtu == acceptance.accepted.mtu) acceptance.accepted.mtu.reset();
  held.refused = acceptance.refused;
  held.refused.insert(held.refused.end(), held.why_left_out.begin(), held.why_left_out.end());
  if (!held.refused.empty() && held.refused != held.told_refused) {
    const log::About about("configuration refused", held.source->name);
    log::warn("not accepted from {}: {}", held.source->name, joined(held.refused));
  }
  held.told_refused = held.refused;
  held.accepted = std::move(acceptance.accepted);
}

std::string ClientPush::apply(Held& next) {
  // This ends, because each round removes an item.
  while (const auto refusal = host_.apply(next.accepted)) {
    if (!leave_out(next, *refusal)) return refusal->why;
  }
  held_ = std::move(next);
  return {};
}

bool ClientPush::leave_out(Held& held, const Refusal& refusal) {
  if (!refusal.change) return false;
  AcceptedConfig& accepted = held.accepted;
  AcceptedConfig& out = held.left_out;
  std::string what;
  const auto take_out = [&what](auto& items, auto& others, const std::string& kind, const auto& item) {
    if (std::erase(items, item) == 0) return;
    others.push_back(item);
    what = kind + item.to_string();
  };
  const auto take_out_default = [&](net::Family family) {
    take_out(accepted.routes, out.routes, "route ", net::IpPrefix{net::IpAddress::unspecified(family), 0});
  };
  if (const auto* address = std::get_if<AddressAdded>(&*refusal.change)) {
    take_out(accepted.addresses, out.addresses, "address ", address->address.address);
  } else if (const auto* route = std::get_if<RouteAdded>(&*refusal.change)) {
    // The host's route may be a part of a pushed route, which was split to leave out local networks.
    const auto whole = std::ranges::find_if(accepted.routes, [route](const net::IpPrefix& accepted_route) {
      return covers(accepted_route, route->destination);
    });
    const net::IpPrefix item = whole == accepted.routes.end() ? route->destination : *whole;
    take_out(accepted.routes, out.routes, "route ", item);
  } else if (const auto* rule = std::get_if<RuleAdded>(&*refusal.change)) {
    take_out_default(rule->rule.family);
  } else if (std::holds_alternative<SysctlSet>(*refusal.change)) {
    take_out_default(net::Family::kIpv4);
  } else if (const auto* link = std::get_if<LinkUp>(&*refusal.change); link && accepted.mtu == link->mtu) {
    out.mtu = std::exchange(accepted.mtu, std::nullopt);
    what = "mtu " + std::to_string(link->mtu);
  }
  if (what.empty()) return false;
  held.why_left_out.push_back(what + " (" + refusal.why + ")");
  held.refused.push_back(held.why_left_out.back());
  held.told_refused = held.refused;
  log::warn("left out of the configuration of {}: {}", held.source ? held.source->name : "the server",
            held.refused.back());
  return true;
}

ClientPush::Held ClientPush::held_for(const config::Config& next, Instant now) const {
  Held held = held_;
  // Items that failed are tried again, because the administrator may have removed the cause before the
  // reload.
  held.left_out = {};
  held.why_left_out.clear();
  if (held.source && !is_server_in(next, held.source->server)) held.source.reset();
  decide_and_tell(held, next, now);
  return held;
}

void ClientPush::reconfigured(std::shared_ptr<const config::Config> config, Held held, Instant now,
                              PushFrames& out) {
  config_ = std::move(config);
  held_ = std::move(held);
  refused_peers_.clear();
  if (held_.source) return;
  // A peer that has become our server only now may have said HELLO long ago, so it is asked here.
  tunnel_.for_each_peer([&](protocol::PeerId id, const protocol::Peer& peer) {
    const crypto::PublicKey& key = peer.options().public_key;
    if (!questions_.contains(id) && is_server(key) && is_serving(key, now)) ask({id, key}, now, out);
  });
}

void ClientPush::resume(const crypto::PublicKey& server, std::uint64_t instance, ConfigMessage message,
                        Instant until, Instant now) {
  const ConfigTerm term(std::chrono::seconds(message.lifetime), now, until);
  if (term.is_over(now)) return;
  held_.source = Source{.server = server,
                        .name = name_of(server),
                        .instance = instance,
                        .message = std::move(message),
                        .term = term};
}

// --- How long it holds

bool ClientPush::is_live(const crypto::PublicKey& key, Instant now) const {
  const protocol::Peer* peer = tunnel_.find_peer(key);
  return peer != nullptr && peer->status(now).session_live;
}

bool ClientPush::is_serving(const crypto::PublicKey& key, Instant now) const {
  const protocol::Peer* peer = tunnel_.find_peer(key);
  if (peer == nullptr || !peer->status(now).session_live) return false;
  // If the peer is not a server any more, its configuration expires, although there is a session.
  return peer->remote() && peer->remote()->capabilities.config;
}

bool ClientPush::is_source(const crypto::PublicKey& key) const {
  return held_.source && held_.source->server == key;
}

bool ClientPush::is_server(const crypto::PublicKey& key) const {
  return is_server_in(*config_, key);
}

void ClientPush::refuse_other(const std::string& name) {
  if (!refused_peers_.insert(name).second) return;
  log::warn("peer {}: tried to configure this host, but is not its server: refused (client.server)", name);
}

std::string ClientPush::name_of(const crypto::PublicKey& key) const {
  const auto peer = std::ranges::find(config_->peers, key,
                                      [](const config::PeerConfig& each) { return each.public_key.value; });
  return peer == config_->peers.end() ? "" : peer->name.value;
}

void ClientPush::look_at_lifetime(Instant now) {
  if (!held_.source) return;
  if (is_serving(held_.source->server, now)) {
    held_.source->term.renew(now);
    return;
  }
  if (!held_.source->term.is_over(now)) return;
  log::warn("the configuration of {} has expired: its addresses may be somebody else's now",
            held_.source->name);
  drop();
}

void ClientPush::drop() {
  Held nothing;
  const std::string server = held_.source->name;
  // If this fails, it is tried again in a minute.
  if (const std::string why = apply(nothing); !why.empty())
    log::error("the configuration of {} cannot be removed: {}", server, why);
}

void ClientPush::look_at_host(Instant now) {
  if (!held_.source) return;
  const auto complain = [this](const std::string& why) {
    log::warn("the configuration of {} cannot be adapted to this host's network: {}", held_.source->name,
              why);
  };
  Held next = held_;
  try {
    decide_and_tell(next, *config_, now);
  } catch (const std::system_error& error) {
    return complain(error.what());
  }
  if (next.accepted == held_.accepted) {
    held_ = std::move(next);
  } else if (const std::string why = apply(next); !why.empty()) {
    complain(why);
  }
}

Json ClientPush::status() const {
  std::vector<std::string> refused = held_.refused;
  for (const std::string& name : refused_peers_)
    refused.push_back("configuration of " + name + " (it is not this host's server)");
  Json json{{"configured_by", nullptr}, {"refused", refused}};
  if (!held_.source) return json;
  json["configured_by"] = held_.source->name;
  json["serial"] = held_.source->message.serial;
  json["addresses"] = texts(held_.accepted.addresses);
  json["routes"] = texts(held_.accepted.routes);
  json["dns_servers"] = texts(held_.accepted.dns_servers);
  json["dns_search"] = held_.accepted.dns_search;
  json["mtu"] = held_.accepted.mtu ? Json(*held_.accepted.mtu) : Json(nullptr);
  json["lifetime_seconds"] = held_.source->term.lifetime().count();
  return json;
}

std::vector<config::PeerConfig> peers_with(const config::Config& config, const AcceptedConfig& accepted) {
  std::vector<config::PeerConfig> all = config.peers;
  for (config::PeerConfig& peer : all) {
    const bool is_server = accepted.server == peer.public_key.value;
    const bool decides_alone = peer.persistent_keepalive || peer.keepalive_refused || peer.endpoints.empty();
    if (!decides_alone) {
      peer.persistent_keepalive = is_server ? accepted.keepalive.value_or(kUsualKeepalive) : kUsualKeepalive;
    }
    if (!is_server) continue;
    for (const net::IpPrefix& route : accepted.routes) {
      const bool is_there =
          std::ranges::any_of(peer.allowed_ips, [&](const auto& network) { return network.value == route; });
      if (!is_there) peer.allowed_ips.push_back({route, peer.public_key.at});
    }
  }
  return all;
}

}  // namespace tunneld::daemon
