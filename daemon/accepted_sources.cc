#include "daemon/accepted_sources.h"

#include <string>
#include <utility>

namespace tunneld::daemon {
namespace {

/// Of text in one frame, bytes: with what CBOR adds, this stays below the limit of 1,200.
constexpr std::size_t kMostText = 1000;

}  // namespace

protocol::ControlFrame accepts_frame(const std::vector<net::IpPrefix>& networks) {
  protocol::ControlFrame frame{protocol::FrameType::kAccepts, {{"networks", Json::array()}}};
  std::size_t text = 0;
  for (const net::IpPrefix& network : networks) {
    std::string words = network.to_string();
    text += words.size() + 2;  // a CBOR text has a header of up to 2 bytes
    if (text > kMostText) {
      frame.body["more"] = true;
      break;
    }
    frame.body["networks"].push_back(std::move(words));
  }
  return frame;
}

std::optional<Accepts> accepts_from(const Json& body) {
  const Json* const networks = body.find("networks");
  if (networks == nullptr || !networks->is_array()) return std::nullopt;
  Accepts accepts;
  for (const Json& item : *networks) {
    const auto network = item.is_string() ? net::IpPrefix::parse(item.get_ref<std::string>()) : std::nullopt;
    if (!network || network->has_host_bits()) return std::nullopt;
    accepts.networks.push_back(*network);
  }
  if (const Json* const more = body.find("more")) {
    if (!more->is_boolean()) return std::nullopt;
    accepts.more = more->get<bool>();
  }
  return accepts;
}

AcceptedSources::AcceptedSources(const protocol::Tunnel& tunnel, TunnelDriver& driver)
    : tunnel_(tunnel), driver_(driver) {
  driver.on_event([this](const protocol::Event& event) {
    if (event.is<protocol::Event::Hello>() && driver_.knows(event.peer))
      tell(event.peer, tunnel_.peer(event.peer));
  });
  driver.on_frame(protocol::FrameType::kAccepts,
                  [this](protocol::PeerId id, const protocol::ControlFrame& frame) {
                    const auto key = driver_.key_of(id);
                    auto accepts = accepts_from(frame.body);
                    if (key && accepts) heard_[*key] = *std::move(accepts);
                  });
}

void AcceptedSources::tell(protocol::PeerId id, const protocol::Peer& peer) {
  const auto& networks = peer.options().allowed_ips;
  told_[peer.options().public_key] = networks;
  (void)driver_.send_frame(id, accepts_frame(networks));
}

void AcceptedSources::peers_changed() {
  const auto is_gone = [this](const auto& entry) { return tunnel_.find_peer(entry.first) == nullptr; };
  std::erase_if(told_, is_gone);
  std::erase_if(heard_, is_gone);
  std::vector<protocol::PeerId> outdated;
  tunnel_.for_each_peer([&](protocol::PeerId id, const protocol::Peer& peer) {
    const auto told = told_.find(peer.options().public_key);
    if (told != told_.end() && peer.remote() && told->second != peer.options().allowed_ips)
      outdated.push_back(id);
  });
  for (const protocol::PeerId id : outdated) tell(id, tunnel_.peer(id));
}

Json AcceptedSources::status(const protocol::Peer& peer) const {
  const auto heard = heard_.find(peer.options().public_key);
  if (heard == heard_.end() || !peer.remote()) return nullptr;
  Json networks = Json::array();
  for (const net::IpPrefix& network : heard->second.networks) networks.push_back(network.to_string());
  return {{"networks", std::move(networks)}, {"more", heard->second.more}};
}

}  // namespace tunneld::daemon
