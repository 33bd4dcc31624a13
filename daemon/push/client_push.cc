#include "daemon/push/client_push.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <variant>

#include "common/json.h"
#include "common/log.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;
using protocol::ConfigMessage;

/// What keeps a NAT's way open, where nobody says otherwise.
constexpr Duration kUsualKeepalive = 25s;
/// An unanswered question is repeated after 1, 2, 4 … seconds up to this.
constexpr Duration kLongestWait = 60s;
constexpr auto kLookEvery = 1min;

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

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

}  // namespace

ClientPush::ClientPush(const config::Config& config, protocol::Tunnel& tunnel, Host host, Instant now)
    : config_(config), tunnel_(tunnel), host_(std::move(host)), look_at_(now + kLookEvery) {}

void ClientPush::on_event(const PushPeer& from, const protocol::Event& event, Instant now, PushFrames& out) {
  using Kind = protocol::Event::Kind;
  if (event.kind == Kind::kHello) {
    const protocol::Peer* peer = tunnel_.find_peer(from.key);
    if (peer == nullptr || !peer->remote() || !peer->remote()->capabilities.config) return;
    if (!is_server(from.key)) return;
    questions_.erase(from.id);
    ask(from, now, out);
  } else if (event.kind == Kind::kHelloLost || event.kind == Kind::kBye) {
    questions_.erase(from.id);
    // It was there until now, whenever the last look was.
    if (held_.source && from.key == held_.source->server) held_.source->term.renew(now);
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
  // Who has been removed since is asked no more; with the same key again, it is another peer.
  std::erase_if(questions_, [this](const auto& question) {
    protocol::Peer* peer = tunnel_.find_peer(question.second.key);
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
  if (peer == nullptr || !peer->remote()) return;
  const auto complain = [&](const std::string& words) {
    if (question == questions_.end() || question->second.logged == words) return;
    question->second.logged = words;
    // Two complaints in turn are as many lines as the peer likes.
    log::line(complaints_.allow(now) ? log::Level::kWarning : log::Level::kDebug, "peer {}: {}",
              name_of(from.key), words);
  };
  if (!is_server(from.key)) return refuse_other(name_of(from.key));
  const auto message = ConfigMessage::from(frame);
  if (!message) return complain("its configuration makes no sense, and is ignored");
  if (held_.source && held_.source->server != from.key && is_live(held_.source->server, now))
    return complain("offers a configuration, but this host has that of " + held_.source->name);
  if (message->refusal) {
    complain(*message->refusal == ConfigMessage::Refusal::kExhausted
                 ? "has no address left for this host; asking again every minute"
                 : "cannot keep a lease for this host; asking again every minute");
    out.push_back({from.id, protocol::config_ack(message->serial)});
    if (question != questions_.end()) question->second.repeat_at = now + kLongestWait;
    // Without an address for us, those that we had from it are others'.
    const bool is_ours = held_.source && held_.source->server == from.key;
    if (is_ours && *message->refusal == ConfigMessage::Refusal::kExhausted) drop();
    return;
  }
  if (!take(from, *message, now)) return;
  out.push_back({from.id, protocol::config_ack(message->serial)});
  // Asked and answered. The next session asks again.
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
  // Each rewrites the host; a server must not keep it busy with that.
  if (is_other && !changes_.allow(now)) return false;
  const Held before = held_;
  // Something else deserves another try; the same again would only be refused again.
  if (is_other) {
    held_.left_out = {};
    held_.why_left_out.clear();
  }
  held_.source = Source{.server = key,
                        .name = name_of(key),
                        .instance = instance,
                        .message = message,
                        .term = ConfigTerm(std::chrono::seconds(message.lifetime), now)};
  try {
    held_.accepted = decide_and_tell(now);
  } catch (const std::system_error& error) {
    log::line(complaints_.allow(now) ? log::Level::kError : log::Level::kDebug,
              "the configuration of {} is not taken: {}", held_.source->name, error.what());
    held_ = before;
    return false;
  }
  const bool server_changed = !before.source || before.source->server != key;
  if (held_.accepted == before.accepted && !server_changed) return true;
  // Where the server says it from decides as well, and is as much in its hands.
  if (!is_other && !changes_.allow(now)) {
    held_ = before;
    return false;
  }
  try {
    host_.apply();
  } catch (const std::exception& error) {
    log::error("the configuration of {} cannot be applied: {}", held_.source->name, error.what());
    std::vector<std::string> told = std::move(held_.told_refused);
    held_ = before;
    held_.told_refused = std::move(told);
    return false;
  }
  log::info("configured by {}: addresses {}; routes {}", held_.source->name,
            joined(texts(held_.accepted.addresses)), joined(texts(held_.accepted.routes)));
  return true;
}

AcceptedConfig ClientPush::decide_and_tell(Instant now) {
  if (!held_.source) {
    held_.refused.clear();
    return {};
  }
  std::vector<net::IpAddress> endpoints;
  tunnel_.for_each_peer([&](protocol::PeerId, protocol::Peer& peer) {
    if (const auto endpoint = peer.status(now).endpoint) endpoints.push_back(endpoint->remote.address);
  });
  Acceptance acceptance =
      decide(held_.source->message, config_, held_.source->server, endpoints, host_.networks());
  std::erase_if(acceptance.accepted.addresses, is_in(held_.left_out.addresses));
  std::erase_if(acceptance.accepted.routes, is_in(held_.left_out.routes));
  if (held_.left_out.mtu == acceptance.accepted.mtu) acceptance.accepted.mtu.reset();
  held_.refused = acceptance.refused;
  held_.refused.insert(held_.refused.end(), held_.why_left_out.begin(), held_.why_left_out.end());
  if (!held_.refused.empty() && held_.refused != held_.told_refused)
    log::warn("refused of what {} wants: {}", held_.source->name, joined(held_.refused));
  held_.told_refused = held_.refused;
  return std::move(acceptance.accepted);
}

bool ClientPush::leave_out(const HostChange& refused, const std::string& why) {
  AcceptedConfig& accepted = held_.accepted;
  AcceptedConfig& out = held_.left_out;
  std::string what;
  const auto take_out = [&what](auto& items, auto& others, const std::string& kind, const auto& item) {
    if (std::erase(items, item) == 0) return;
    others.push_back(item);
    what = kind + item.to_string();
  };
  const auto take_out_default = [&](net::Family family) {
    take_out(accepted.routes, out.routes, "route ", net::IpPrefix{net::IpAddress::unspecified(family), 0});
  };
  if (const auto* address = std::get_if<AddressAdded>(&refused)) {
    take_out(accepted.addresses, out.addresses, "address ", address->address.address);
  } else if (const auto* route = std::get_if<RouteAdded>(&refused)) {
    take_out(accepted.routes, out.routes, "route ", route->destination);
  } else if (const auto* rule = std::get_if<RuleAdded>(&refused)) {
    take_out_default(rule->rule.family);
  } else if (std::holds_alternative<SysctlSet>(refused)) {
    take_out_default(net::Family::kIpv4);
  } else if (const auto* link = std::get_if<LinkUp>(&refused); link && accepted.mtu == link->mtu) {
    out.mtu = std::exchange(accepted.mtu, std::nullopt);
    what = "mtu " + std::to_string(link->mtu);
  }
  if (what.empty()) return false;
  held_.why_left_out.push_back(what + " (" + why + ")");
  held_.refused.push_back(held_.why_left_out.back());
  held_.told_refused = held_.refused;
  log::warn("left out of what {} wants: {}", held_.source ? held_.source->name : "the server",
            held_.refused.back());
  return true;
}

ClientPush::Held ClientPush::reconfigure(Instant now, PushFrames& out) {
  Held before = held_;
  // Whoever reloads may have made room for it.
  held_.left_out = {};
  held_.why_left_out.clear();
  if (held_.source && !is_server(held_.source->server)) held_.source.reset();
  refused_peers_.clear();
  try {
    held_.accepted = decide_and_tell(now);
  } catch (...) {
    held_ = std::move(before);
    throw;
  }
  if (held_.source) return before;
  // Who has become our server with this file has said HELLO long ago.
  tunnel_.for_each_peer([&](protocol::PeerId id, protocol::Peer& peer) {
    const crypto::PublicKey& key = peer.options().public_key;
    if (!questions_.contains(id) && is_server(key) && is_serving(key, now)) ask({id, key}, now, out);
  });
  return before;
}

std::vector<config::PeerConfig> ClientPush::peers() const {
  std::vector<config::PeerConfig> all = config_.peers;
  for (config::PeerConfig& peer : all) {
    const bool is_server = held_.source && held_.source->server == peer.public_key.value;
    const bool decides_alone = peer.persistent_keepalive || peer.keepalive_refused || peer.endpoints.empty();
    if (!decides_alone) {
      peer.persistent_keepalive =
          is_server ? held_.accepted.keepalive.value_or(kUsualKeepalive) : kUsualKeepalive;
    }
    if (!is_server) continue;
    for (const net::IpPrefix& route : held_.accepted.routes) {
      const bool is_there =
          std::ranges::any_of(peer.allowed_ips, [&](const auto& network) { return network.value == route; });
      if (!is_there) peer.allowed_ips.push_back({route, peer.public_key.at});
    }
  }
  return all;
}

// --- How long it holds

bool ClientPush::is_live(const crypto::PublicKey& key, Instant now) const {
  protocol::Peer* peer = tunnel_.find_peer(key);
  return peer != nullptr && peer->status(now).session_live;
}

bool ClientPush::is_serving(const crypto::PublicKey& key, Instant now) const {
  protocol::Peer* peer = tunnel_.find_peer(key);
  if (peer == nullptr || !peer->status(now).session_live) return false;
  // What it gave ages, too, when it is there as a server no longer.
  return peer->remote() && peer->remote()->capabilities.config;
}

bool ClientPush::is_server(const crypto::PublicKey& key) const {
  const auto& servers = config_.client->value.servers;
  const bool all_call_us = std::ranges::all_of(
      config_.peers, [](const config::PeerConfig& peer) { return peer.endpoints.empty(); });
  return std::ranges::any_of(config_.peers, [&](const config::PeerConfig& peer) {
    if (peer.public_key.value != key) return false;
    if (servers.empty()) return !peer.endpoints.empty() || (all_call_us && config_.peers.size() == 1);
    return std::ranges::any_of(servers, [&](const auto& name) { return name.value == peer.name.value; });
  });
}

void ClientPush::refuse_other(const std::string& name) {
  if (!refused_peers_.insert(name).second) return;
  log::warn("peer {}: wants to configure this host, and is not its server: refused (client.server)", name);
}

std::string ClientPush::name_of(const crypto::PublicKey& key) const {
  const auto peer = std::ranges::find(config_.peers, key,
                                      [](const config::PeerConfig& each) { return each.public_key.value; });
  return peer == config_.peers.end() ? "" : peer->name.value;
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
  Held before = std::exchange(held_, {});
  try {
    host_.apply();
  } catch (const std::exception& error) {
    log::error("what {} has configured cannot be taken back: {}", before.source->name, error.what());
    held_ = std::move(before);  // the next minute tries again
  }
}

void ClientPush::look_at_host(Instant now) {
  if (!held_.source) return;
  Held before = held_;
  try {
    held_.accepted = decide_and_tell(now);
    if (held_.accepted != before.accepted) host_.apply();
  } catch (const std::exception& error) {
    log::warn("what {} wants cannot follow this host's network: {}", held_.source->name, error.what());
    held_ = std::move(before);
  }
}

Json ClientPush::status() const {
  std::vector<std::string> refused = held_.refused;
  for (const std::string& name : refused_peers_)
    refused.push_back("configuration of " + name + " (it is not this host's server)");
  Json json{{"configured_by", nullptr}, {"refused", std::move(refused)}};
  if (!held_.source) return json;
  json["configured_by"] = held_.source->name;
  json["serial"] = held_.source->message.serial;
  json["addresses"] = texts(held_.accepted.addresses);
  json["routes"] = texts(held_.accepted.routes);
  json["dns_servers"] = texts(held_.accepted.dns_servers);
  json["dns_search"] = held_.accepted.dns_search;
  json["mtu"] = held_.accepted.mtu ? Json(*held_.accepted.mtu) : Json(nullptr);
  json["lifetime_seconds"] = held_.source->message.lifetime;
  return json;
}

}  // namespace tunneld::daemon
