#include "daemon/config_client.h"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "common/net/system_clock.h"

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

}  // namespace

ConfigClient::ConfigClient(boost::asio::io_context& io, const config::Config& config,
                           protocol::Tunnel& tunnel, TunnelDriver& driver, Apply apply)
    : io_(io), config_(config), tunnel_(tunnel), driver_(driver), apply_(std::move(apply)), minute_(io) {
  driver_.on_event([this](const protocol::Event& event) {
    using Kind = protocol::Event::Kind;
    if (event.kind == Kind::kHello) {
      const auto& remote = tunnel_.peer(event.peer).remote();
      if (!remote || !remote->capabilities.config) return;
      questions_.erase(event.peer);
      ask(event.peer);
    } else if (event.kind == Kind::kHelloLost || event.kind == Kind::kBye) {
      questions_.erase(event.peer);
    }
  });
  driver_.on_frame(protocol::FrameType::kConfig, [this](auto id, const auto& frame) { received(id, frame); });
  wait_for_minute();
}

// --- Asking
// ---------------------------------------------------------------------------------------------------------

void ConfigClient::ask(protocol::PeerId id) {
  auto& question = questions_[id];
  if (!question) question = std::make_unique<Question>(io_);
  driver_.send_frame(id, protocol::config_request());
  const Duration wait =
      std::min<Duration>(kLongestWait, std::chrono::seconds(1U << std::min(question->sent, 6U)));
  ++question->sent;
  ask_after(id, *question, wait);
}

void ConfigClient::ask_after(protocol::PeerId id, Question& question, Duration wait) {
  question.repeat.expires_after(wait);
  question.repeat.async_wait([this, id](const boost::system::error_code& error) {
    if (!error && questions_.contains(id) && driver_.key_of(id)) ask(id);
  });
}

// --- Taking
// ---------------------------------------------------------------------------------------------------------

void ConfigClient::received(protocol::PeerId id, const protocol::ControlFrame& frame) {
  const auto key = driver_.key_of(id);
  const auto question = questions_.find(id);
  if (!key || !tunnel_.peer(id).remote()) return;
  const auto complain = [&](const std::string& words) {
    if (question == questions_.end() || question->second->logged == words) return;
    question->second->logged = words;
    spdlog::warn("peer {}: {}", driver_.info(id).name, words);
  };
  const auto message = ConfigMessage::from(frame);
  if (!message) return complain("its configuration makes no sense, and is ignored");
  if (held_.source && held_.source->server != *key && is_live(held_.source->server))
    return complain("offers a configuration, but this host has that of " + held_.source->name);
  if (message->refusal) {
    complain(*message->refusal == ConfigMessage::Refusal::kExhausted
                 ? "has no address left for this host; asking again every minute"
                 : "cannot keep a lease for this host; asking again every minute");
    (void)driver_.send_frame(id, protocol::config_ack(message->serial));
    if (question != questions_.end()) ask_after(id, *question->second, kLongestWait);
    return;
  }
  if (!take(id, *message)) return;
  (void)driver_.send_frame(id, protocol::config_ack(message->serial));
  // Asked and answered. The next session asks again.
  questions_.erase(id);
}

bool ConfigClient::take(protocol::PeerId id, const ConfigMessage& message) {
  const crypto::PublicKey key = tunnel_.peer(id).options().public_key;
  const std::uint64_t instance = tunnel_.peer(id).remote()->instance;
  const bool same_life = held_.source && held_.source->server == key && held_.source->instance == instance;
  if (same_life && message.serial < held_.source->message.serial) return false;  // late
  ConfigMessage but_for_serial = message;
  if (held_.source) but_for_serial.serial = held_.source->message.serial;
  const bool is_other =
      !held_.source || held_.source->server != key || held_.source->message != but_for_serial;
  // Each rewrites the host; a server must not keep it busy with that.
  if (is_other && !changes_.allow(net::boot_now())) return false;
  const Held before = held_;
  held_.source = Source{.server = key,
                        .name = driver_.info(id).name,
                        .instance = instance,
                        .message = message,
                        .holds_until = net::boot_now() + std::chrono::seconds(message.lifetime)};
  held_.accepted = decide_and_tell();
  const bool server_changed = !before.source || before.source->server != key;
  if (held_.accepted == before.accepted && !server_changed) return true;
  try {
    apply_();
  } catch (const std::exception& error) {
    spdlog::error("the configuration of {} cannot be applied: {}", held_.source->name, error.what());
    held_ = before;
    return false;
  }
  spdlog::info("configured by {}: addresses {}; routes {}", held_.source->name,
               joined(texts(held_.accepted.addresses)), joined(texts(held_.accepted.routes)));
  return true;
}

AcceptedConfig ConfigClient::decide_and_tell() {
  if (!held_.source) {
    held_.refused.clear();
    return {};
  }
  std::vector<net::IpAddress> endpoints;
  tunnel_.for_each_peer([&](protocol::PeerId, protocol::Peer& peer) {
    if (const auto endpoint = peer.status(net::boot_now()).endpoint)
      endpoints.push_back(endpoint->remote.address);
  });
  Acceptance acceptance = decide(held_.source->message, config_, held_.source->server, endpoints);
  held_.refused = acceptance.refused;
  if (!held_.refused.empty() && held_.refused != held_.told_refused)
    spdlog::warn("refused of what {} wants: {}", held_.source->name, joined(held_.refused));
  held_.told_refused = held_.refused;
  return std::move(acceptance.accepted);
}

ConfigClient::Held ConfigClient::reconfigure() {
  Held before = held_;
  const bool is_configured =
      held_.source && std::ranges::any_of(config_.peers, [this](const config::PeerConfig& peer) {
        return peer.public_key.value == held_.source->server;
      });
  if (!is_configured) held_.source.reset();
  held_.accepted = decide_and_tell();
  return before;
}

std::vector<config::PeerConfig> ConfigClient::peers() const {
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
// ----------------------------------------------------------------------------------------------

bool ConfigClient::is_live(const crypto::PublicKey& key) const {
  protocol::Peer* peer = tunnel_.find_peer(key);
  return peer != nullptr && peer->status(net::boot_now()).session_live;
}

void ConfigClient::wait_for_minute() {
  minute_.expires_after(kLookEvery);
  minute_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    look_at_lifetime();
    wait_for_minute();
  });
}

void ConfigClient::look_at_lifetime() {
  if (!held_.source) return;
  const Instant now = net::boot_now();
  if (is_live(held_.source->server)) {
    held_.source->holds_until = now + std::chrono::seconds(held_.source->message.lifetime);
    return;
  }
  if (now < held_.source->holds_until) return;
  spdlog::warn("the configuration of {} has expired: its addresses may be somebody else's now",
               held_.source->name);
  Held before = std::exchange(held_, {});
  try {
    apply_();
  } catch (const std::exception& error) {
    spdlog::error("the expired configuration cannot be taken back: {}", error.what());
    held_ = std::move(before);  // the next minute tries again
  }
}

nlohmann::json ConfigClient::status() const {
  nlohmann::json json{{"configured_by", nullptr}, {"refused", held_.refused}};
  if (!held_.source) return json;
  json["configured_by"] = held_.source->name;
  json["serial"] = held_.source->message.serial;
  json["addresses"] = texts(held_.accepted.addresses);
  json["routes"] = texts(held_.accepted.routes);
  json["dns_servers"] = texts(held_.accepted.dns_servers);
  json["dns_search"] = held_.accepted.dns_search;
  json["mtu"] = held_.accepted.mtu ? nlohmann::json(*held_.accepted.mtu) : nlohmann::json(nullptr);
  json["lifetime_seconds"] = held_.source->message.lifetime;
  return json;
}

}  // namespace tunneld::daemon
