#include "daemon/status.h"

#include <chrono>

#include <fmt/core.h>

#include "common/joined.h"
#include "common/json.h"
#include "common/net/netlink.h"
#include "common/net/system_clock.h"
#include "daemon/clock_mark.h"
#include "daemon/host_status.h"
#include "daemon/switch_loops.h"

namespace tunneld::daemon {
namespace {

std::int64_t seconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

/// refused: no packets pass, with or without a session. up: a live session. connecting: a handshake is under
/// way. waiting: a handshake is not possible yet. idle: nothing to do.
std::string state_of(const protocol::PeerStatus& peer, const TunnelDriver::PeerInfo& info) {
  if (!info.forbidden_endpoint.empty() || (peer.session_live && !info.refused.empty())) return "refused";
  if (peer.session_live) return "up";
  if (peer.handshake_pending) return "connecting";
  if (!info.note.empty()) return "waiting";
  return "idle";
}

/// The names of the status document.
std::string_view source_of(const protocol::PeerStatus::Path& path) {
  switch (path.source) {
    case protocol::PathMtu::Source::kProbed:
      return "probed";
    case protocol::PathMtu::Source::kBlackHole:
      return "black hole";
    case protocol::PathMtu::Source::kAssumed:
      break;
  }
  return "assumed";
}

std::string_view search_of(const protocol::PeerStatus::Path& path) {
  switch (path.phase) {
    case protocol::PathMtu::Phase::kSearching:
      return "searching";
    case protocol::PathMtu::Phase::kChecking:
      return "checking";
    case protocol::PathMtu::Phase::kComplete:
      return "complete";
    case protocol::PathMtu::Phase::kOff:
      break;
  }
  return "off";
}

std::string note_of(const protocol::PeerStatus& peer, const TunnelDriver::PeerInfo& info) {
  if (!info.forbidden_endpoint.empty()) return info.forbidden_endpoint;
  if (!info.two_places.empty()) return info.two_places;
  return peer.session_live ? info.refused : info.note;
}

Json path_json(const std::optional<protocol::PeerStatus::Path>& path) {
  if (!path) return nullptr;
  Json json{{"mtu", path->mtu},
            {"outer_mtu", path->mtu + path->overhead},
            {"source", source_of(*path)},
            {"search", search_of(*path)},
            {"rtt_ms", nullptr}};
  if (path->round_trip_time)
    json["rtt_ms"] = std::chrono::duration<double, std::milli>(*path->round_trip_time).count();
  return json;
}

std::string human_path(const Json& path) {
  if (path.is_null()) return "-";
  std::string text = fmt::format("{}", path.at("mtu").get<unsigned>());
  if (path.at("source") != "probed") text += path.at("source") == "assumed" ? "?" : "!";
  if (!path.at("rtt_ms").is_null()) text += fmt::format(" {:.1f} ms", path.at("rtt_ms").get<double>());
  return text;
}

Json peer_json(const protocol::Peer& peer, const TunnelDriver::PeerInfo& info, Now now) {
  const protocol::PeerStatus status = peer.status(now.boot);
  Json json{{"name", info.name},
            {"public_key", peer.options().public_key.to_base64()},
            {"endpoint", nullptr},
            {"latest_handshake_seconds_ago", nullptr},
            {"persistent_keepalive", seconds(peer.options().persistent_keepalive)},
            {"state", state_of(status, info)},
            {"note", note_of(status, info)},
            {"key_used_twice", !info.two_places.empty()},
            {"rx_bytes", status.received_bytes},
            {"tx_bytes", status.sent_bytes},
            {"rx_packets", status.received_packets},
            {"tx_packets", status.sent_packets},
            {"dropped_packets", status.dropped_packets},
            {"extension", nullptr},
            {"lanes", status.lanes},
            {"cipher", status.fast_cipher ? "AES-256-GCM" : "ChaCha20-Poly1305"},
            {"allowed_ips", Json::array()}};
  if (status.remote) {
    const protocol::Capabilities& can = status.remote->capabilities;
    json["extension"] = {{"version", status.remote->version},
                         {"instance", fmt::format("{:016x}", status.remote->instance)},
                         {"config", can.config},
                         {"tap", can.tap},
                         {"lanes", can.lanes},
                         {"probe", can.probe}};
  }
  json["path"] = path_json(status.path);
  if (status.endpoint) json["endpoint"] = status.endpoint->remote.to_string();
  if (status.latest_handshake)
    json["latest_handshake_seconds_ago"] = seconds(now.boot - *status.latest_handshake);
  for (const net::IpPrefix& prefix : peer.options().allowed_ips)
    json["allowed_ips"].push_back(prefix.to_string());
  return json;
}

/// Adds what a tap knows of a peer.
void add_stations(const protocol::Peer& peer, Json& json) {
  json["mac_addresses"] = Json::array();
  for (const net::MacAddress& address : peer.options().mac_addresses)
    json["mac_addresses"].push_back(address.to_string());
  json["learned_addresses"] = peer.link().stations.stations.load();
  json["moved_addresses"] = peer.link().stations.moves.load();
}

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  static constexpr std::array<const char*, 4> kUnits = {"KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string human_age(const Json& age) {
  if (age.is_null()) return "never";
  const auto total = age.get<std::int64_t>();
  if (total < 120) return fmt::format("{}s ago", total);
  if (total < 7200) return fmt::format("{}m ago", total / 60);
  return fmt::format("{}h ago", total / 3600);
}

/// The kernel's value, because another program may have set it.
std::uint32_t device_mtu(const StatusSources& sources) {
  try {
    return net::Netlink().link(sources.device.interface_index()).mtu;
  } catch (const net::NetlinkError&) {
    return sources.plane.mtu.load();
  }
}

}  // namespace

Json make_status(const StatusSources& sources) {
  const Now now = net::now();
  const net::TunFeatures& features = sources.device.features();
  Json status;
  status["interface"] = {{"name", sources.device.name()},
                         {"type", sources.plane.ethernet ? "tap" : "tun"},
                         {"mtu", device_mtu(sources)},
                         {"device", sources.device.attached()          ? "taken over"
                                    : sources.config.interface.persist ? "made to stay"
                                                                       : "made"},
                         {"listen_port", sources.socket.port()},
                         {"public_key", sources.tunnel.public_key().to_base64()},
                         {"addresses", Json::array()},
                         {"uptime_seconds", seconds(now.boot - sources.started)},
                         {"engine", sources.engine},
                         {"workers", sources.workers},
                         {"offload",
                          {{"tcp", features.tcp},
                           {"udp", features.udp},
                           {"udp_segment", sources.socket.segments()},
                           {"udp_gro", sources.socket.coalesces()}}}};
  if (const auto& layer2 = sources.plane.ethernet) {
    status["interface"]["switch"] = {{"addresses", layer2->stations()},
                                     {"addresses_at_device", layer2->stations_at_device()},
                                     {"client_to_client", layer2->client_to_client()}};
  }
  for (const auto& address : sources.config.interface.addresses) {
    status["interface"]["addresses"].push_back(address.value.to_string());
  }
  status["clock"] = clock_status(sources.tunnel.timestamps(), now.wall);
  status["peers"] = Json::array();
  sources.tunnel.for_each_peer([&](protocol::PeerId id, const protocol::Peer& peer) {
    Json json = peer_json(peer, sources.driver.info(id), now);
    if (sources.plane.ethernet) add_stations(peer, json);
    json["accepts"] = sources.accepted_sources ? sources.accepted_sources->status(peer) : Json();
    status["peers"].push_back(std::move(json));
  });
  status["drops"] = Json::object();
  for (std::size_t i = 0; i < protocol::kDropReasons; ++i) {
    const auto reason = static_cast<protocol::Drop>(i);
    std::uint64_t total = 0;
    for (const protocol::DropCounters& drops : sources.plane.drops) total += drops.get(reason);
    status["drops"][std::string(to_string(reason))] = total;
  }
  std::uint64_t answered = 0;
  for (const protocol::DropCounters& drops : sources.plane.drops) answered += drops.answered.get();
  status["icmp_errors_sent"] = answered;
  return status;
}

std::string listed(const Json& words) {
  return words.empty() ? "-" : joined(words, [](const Json& word) { return word.get<std::string>(); });
}

std::string render_status(const Json& status) {
  const auto& interface = status.at("interface");
  std::string text =
      fmt::format("{}  up {}s  udp {}  mtu {}  {}  key {}\n", interface.at("name").get<std::string>(),
                  interface.at("uptime_seconds").get<std::int64_t>(), interface.at("listen_port").get<int>(),
                  interface.at("mtu").get<int>(), listed(interface.at("addresses")),
                  interface.at("public_key").get<std::string>());
  text += render_host(status);
  text += render_loops(status);
  if (const Json* elsewhere = status.find("elsewhere")) {
    for (const Json& line : *elsewhere) text += line.get<std::string>() + "\n";
  }
  constexpr const char* kRow = "{:<16} {:<11} {:<24} {:<24} {:>14} {:>10} {:>11} {:>11}  {}\n";
  text += fmt::format(kRow, "PEER", "STATE", "ALLOWED IPS", "ENDPOINT", "MTU, RTT", "HANDSHAKE", "RX", "TX",
                      "NOTE");
  for (const auto& peer : status.at("peers")) {
    text += fmt::format(kRow, peer.at("name").get<std::string>(), peer.at("state").get<std::string>(),
                        listed(peer.at("allowed_ips")),
                        peer.at("endpoint").is_null() ? "-" : peer.at("endpoint").get<std::string>(),
                        human_path(peer.at("path")), human_age(peer.at("latest_handshake_seconds_ago")),
                        human_bytes(peer.at("rx_bytes").get<std::uint64_t>()),
                        human_bytes(peer.at("tx_bytes").get<std::uint64_t>()),
                        peer.at("note").get<std::string>());
  }
  return text;
}

}  // namespace tunneld::daemon
