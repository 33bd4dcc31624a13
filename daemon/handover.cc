#include "daemon/handover.h"

#include <exception>
#include <utility>

#include <unistd.h>

#include "common/log.h"
#include "common/net/file_descriptor.h"
#include "daemon/host/journal_owner.h"
#include "daemon/host/run_directory.h"
#include "daemon/host/state_file.h"

namespace tunneld::daemon {
namespace {

/// 100,000 peers are 10 MB.
constexpr off_t kLargestHandover = 64 << 20;

std::optional<Handover::Place> place_from(const Json& json) {
  const auto key = crypto::PublicKey::from_base64(json.at("peer").get<std::string>());
  const auto address = net::SocketAddress::parse(json.at("address").get<std::string>());
  if (!key || !address) return std::nullopt;
  return Handover::Place{*key, *address, json.at("session").get<bool>()};
}

}  // namespace

Json to_json(const Handover& handover) {
  Json places = Json::array();
  for (const auto& [peer, address, session] : handover.places)
    places.push_back({{"peer", peer.to_base64()}, {"address", address.to_string()}, {"session", session}});
  Json json{{"places", std::move(places)}, {"port", handover.port}};
  if (const auto& given = handover.configuration) {
    json["configuration"] = {{"server", given->server.to_base64()},
                             {"instance", given->instance},
                             {"until", given->until.time_since_epoch().count()},
                             {"message", given->message.to_frame().body}};
  }
  return json;
}

std::optional<Handover> handover_from(const Json& json) {
  try {
    Handover handover;
    handover.port = json.at("port").get<std::uint16_t>();
    for (const Json& place : json.at("places")) {
      if (auto known = place_from(place)) handover.places.push_back(*known);
    }
    if (!json.contains("configuration")) return handover;
    const Json& given = json.at("configuration");
    const auto server = crypto::PublicKey::from_base64(given.at("server").get<std::string>());
    auto message = protocol::ConfigMessage::from({protocol::FrameType::kConfig, given.at("message")});
    if (!server || !message) return std::nullopt;
    handover.configuration = {.server = *server,
                              .instance = given.at("instance").get<std::uint64_t>(),
                              .message = std::move(*message),
                              .until = Instant(Duration(given.at("until").get<std::int64_t>()))};
    return handover;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

HandoverFile::HandoverFile(const std::string& interface) : path_(handover_path(interface)) {}

std::optional<Handover> HandoverFile::load() const noexcept {
  try {
    const net::FileDescriptor file = open_state_file(path_);
    if (!file.is_open()) return std::nullopt;
    const auto size = size_if_trusted(file, path_);
    if (!size || *size > kLargestHandover) return std::nullopt;
    const auto json = Json::parse(read_up_to(file, *size, path_));
    if (!json || json->value("boot", std::string()) != JournalOwner::self().boot) return std::nullopt;
    return handover_from(*json);
  } catch (const std::exception& error) {
    log::debug("{}: {}", path_.string(), error.what());
    return std::nullopt;
  }
}

void HandoverFile::save(const Handover& handover) noexcept {
  if (saved_ == handover) return;
  try {
    Json json = to_json(handover);
    json["boot"] = JournalOwner::self().boot;
    write_state_file(path_, json.dump() + '\n');
    saved_ = handover;
  } catch (const std::exception& error) {
    if (!std::exchange(told_failed_, true))
      log::warn(
          "cannot store the peers' addresses for the next start, so they will have to connect first: {}",
          error.what());
  }
}

void HandoverFile::remove() noexcept {
  ::unlink(path_.c_str());
  saved_.reset();
}

}  // namespace tunneld::daemon
