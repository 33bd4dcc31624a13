#include "daemon/commands/diagnosis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string_view>

#include "common/counted.h"
#include "common/joined.h"
#include "common/json.h"
#include "common/net/address_class.h"
#include "daemon/host_status.h"
#include "daemon/switch_loops.h"

namespace tunneld::daemon {
namespace {

struct Cause {
  const char* drop;  ///< as `status` names it
  const char* words;
};

/// Drops that say what is wrong, whoever the peer is.
constexpr std::array kCauses = {
    Cause{"bad_mac1",
          "handshakes arrive that were made for another public key than this host's: the configuration there "
          "has "
          "a wrong one for this host; the right one is "},
    Cause{"unknown_peer",
          "handshakes arrive from a public key that is not in this configuration: compare `tunneld pubkey` "
          "of the key "
          "there with 'public_key' here"},
    Cause{"source_not_allowed",
          "packets arrive through the tunnel from addresses that do not belong to their peer here: check its "
          "'allowed_ips' and 'address'"},
    Cause{"no_route",
          "packets are sent into the tunnel for addresses that belong to no peer: check the 'allowed_ips' "
          "here"},
    Cause{"too_large",
          "packets are larger than the path carries; the senders are told by ICMP. If they ignore that, set "
          "'mss_clamp: auto' or a smaller 'mtu'"},
    Cause{"under_load", "handshakes are refused because there are too many of them: a flood, or a loop"},
    Cause{"send_failed",
          "the kernel refuses to send encrypted packets: a firewall on this host, or no route"},
    Cause{"device_refused", "the kernel refuses packets from the tunnel: is the interface up?"}};

std::uint64_t count(const Json& status, const char* drop) {
  const auto& drops = status.at("drops");
  return drops.contains(drop) ? drops.at(drop).get<std::uint64_t>() : 0;
}

std::uint64_t new_drops(const Json& before, const Json& after, const char* drop) {
  return count(after, drop) - std::min(count(before, drop), count(after, drop));
}

/// What has happened meanwhile to one peer.
struct Course {
  const Json& after;
  std::string name;
  std::string state;
  bool sent = false;
  bool received = false;
};

std::string endpoint(const Course& peer) {
  const auto& value = peer.after.at("endpoint");
  return value.is_null() ? "its address" : value.get<std::string>();
}

Finding of_down_peer(const Course& peer, bool answers_refused, const Unreachable& unreachable) {
  const std::string note = peer.after.at("note").get<std::string>();
  if (answers_refused) {
    return {
        Health::kBad, peer.name,
        "it answers, but its answers do not decrypt: the preshared keys differ, or only one side has one"};
  }
  if (const auto found = unreachable.find(peer.name); found != unreachable.end())
    return {Health::kBad, peer.name, endpoint(peer) + ": " + found->second};
  if (peer.state == "waiting" || peer.state == "refused") return {Health::kBad, peer.name, note};
  if (peer.state == "idle") {
    const bool may_call = !peer.after.at("endpoint").is_null();
    return {Health::kUnclear, peer.name,
            may_call ? "no session, because there is no traffic: ping an address behind it, then look again"
                     : "it has not called yet, and this host has no 'endpoints' to call it at"};
  }
  return {
      Health::kBad, peer.name,
      "nothing comes back from " + endpoint(peer) +
          ": UDP is filtered on the way, 'public_key' here is not that host's, or that host does not know "
          "ours; `tunneld doctor` there tells these apart" +
          (note.empty() ? "" : " (" + note + ")")};
}

/// What the path carries, and how long it is; nothing where nobody knows.
std::string path_of(const Course& peer) {
  const Json path = peer.after.value("path", Json());
  if (path.is_null() || path.at("source") == "assumed") return "";
  std::string words = ", packets of up to " + std::to_string(path.at("mtu").get<unsigned>()) + " bytes pass";
  if (path.at("source") == "black hole") words += " and larger ones are lost without an ICMP error";
  if (!path.at("rtt_ms").is_null())
    words += ", " + std::to_string(std::lround(path.at("rtt_ms").get<double>())) + " ms round trip";
  return words;
}

/// The addresses of this host in the tunnel, without those of its links.
std::vector<net::IpAddress> own_addresses(const Json& status) {
  std::vector<net::IpAddress> addresses;
  const auto add = [&addresses](const Json* texts) {
    if (texts == nullptr || texts->is_null()) return;
    for (const Json& text : *texts) {
      const auto prefix = net::IpPrefix::parse(text.get<std::string>());
      if (prefix && !net::is_link_local(prefix->address)) addresses.push_back(prefix->address);
    }
  };
  add(status.at("interface").find("addresses"));
  if (const Json* const client = status.find("client")) add(client->find("addresses"));
  return addresses;
}

/// What the peer accepts does not fit this host's addresses; one finding for each address family that is
/// routed to it.
std::vector<Finding> of_accepted_sources(const Course& peer, const std::vector<net::IpAddress>& own) {
  std::vector<Finding> findings;
  const Json accepts = peer.after.value("accepts", Json());
  if (accepts.is_null() || accepts.at("more").get<bool>()) return findings;
  const auto networks_of = [](const Json& texts, net::Family family) {
    std::vector<net::IpPrefix> networks;
    for (const Json& text : texts) {
      const auto network = net::IpPrefix::parse(text.get<std::string>());
      if (network && network->address.family() == family) networks.push_back(*network);
    }
    return networks;
  };
  for (const net::Family family : {net::Family::kIpv4, net::Family::kIpv6}) {
    std::vector<net::IpAddress> ours;
    std::ranges::copy_if(own, std::back_inserter(ours),
                         [family](const net::IpAddress& address) { return address.family() == family; });
    if (ours.empty() || networks_of(peer.after.at("allowed_ips"), family).empty()) continue;
    const std::vector<net::IpPrefix> accepted = networks_of(accepts.at("networks"), family);
    const auto is_accepted = [&accepted](const net::IpAddress& address) {
      return std::ranges::any_of(accepted, [&](const net::IpPrefix& one) { return one.contains(address); });
    };
    if (std::ranges::any_of(ours, is_accepted)) continue;
    // Two networks can be connected without the routers' own addresses; a single address is meant to be ours.
    const bool is_mistake = std::ranges::all_of(accepted, &net::IpPrefix::is_single);
    findings.push_back(
        {is_mistake ? Health::kBad : Health::kUnclear, peer.name,
         "it drops packets from " + ours.front().to_string() + ": there, add " +
             net::IpPrefix::of(ours.front()).to_string() + " to the 'allowed_ips' of this host (it has " +
             (accepted.empty() ? std::string("none")
                               : joined(accepted, [](const net::IpPrefix& one) { return one.to_string(); })) +
             ")"});
  }
  return findings;
}

Finding of_peer(const Course& peer, bool answers_refused, const Unreachable& unreachable) {
  if (peer.after.value("key_used_twice", false))
    return {Health::kBad, peer.name, peer.after.at("note").get<std::string>()};
  if (peer.state != "up") return of_down_peer(peer, answers_refused, unreachable);
  const auto& handshake = peer.after.at("latest_handshake_seconds_ago");
  const std::string age =
      handshake.is_null() ? "" : ", handshake " + std::to_string(handshake.get<int>()) + " s ago";
  if (peer.sent && !peer.received) {
    return {
        Health::kUnclear, peer.name,
        "there is a session" + age +
            ", but nothing came back during the check: a firewall behind the peer, or no route back to our "
            "addresses "
            "there"};
  }
  return {Health::kGood, peer.name, "there is a session with " + endpoint(peer) + age + path_of(peer)};
}

const Json* find_peer(const Json& status, const Json& key) {
  for (const auto& peer : status.at("peers")) {
    if (peer.at("public_key") == key) return &peer;
  }
  return nullptr;
}

std::uint64_t grown(const Json* before, const Json& after, const char* key) {
  const auto now = after.at(key).get<std::uint64_t>();
  const auto then = before ? before->at(key).get<std::uint64_t>() : 0;
  return now - std::min(then, now);
}

}  // namespace

std::vector<Finding> diagnose(const Json& before, const Json& after, const Unreachable& unreachable,
                              const std::string& only) {
  std::vector<Finding> findings;
  const auto& interface = after.at("interface");
  findings.push_back({Health::kGood, "",
                      interface.at("name").get<std::string>() + " is up, udp port " +
                          std::to_string(interface.at("listen_port").get<int>()) + ", public key " +
                          interface.at("public_key").get<std::string>()});
  for (Finding& finding : diagnose_host(before, after)) findings.push_back(std::move(finding));
  if (const Json* elsewhere = after.find("elsewhere")) {
    for (const Json& line : *elsewhere) findings.push_back({Health::kUnclear, "", line.get<std::string>()});
  }
  for (Finding& finding : diagnose_loops(after)) findings.push_back(std::move(finding));
  if (const auto clock = after.find("clock"); clock != nullptr) {
    const std::string since =
        "it was set back, or this host has no clock chip and waits for the time: this host can still make "
        "handshakes, but set the clock (`timedatectl`, NTP)";
    if (const auto& behind = clock->at("behind_seconds"); !behind.is_null()) {
      findings.push_back({Health::kBad, "",
                          "this host's clock is at least " + std::to_string(behind.get<std::int64_t>()) +
                              " s behind a time that it has shown before; " + since});
    } else if (!clock->at("plausible").get<bool>()) {
      findings.push_back(
          {Health::kBad, "",
           "this host's clock is wrong: it shows a year before this program was made; " + since});
    }
  }
  for (const Cause& cause : kCauses) {
    const std::uint64_t drops = new_drops(before, after, cause.drop);
    if (drops == 0) continue;
    std::string words = cause.words;
    if (words.ends_with("the right one is ")) words += interface.at("public_key").get<std::string>();
    findings.push_back({Health::kBad, "", words + " (" + counted(drops, "packet") + " during the check)"});
  }

  const bool refused = new_drops(before, after, "handshake_refused") != 0;
  bool refused_explained = !refused;
  const std::vector<net::IpAddress> own = own_addresses(after);
  for (const auto& peer : after.at("peers")) {
    const Json* old = find_peer(before, peer.at("public_key"));
    const Course course{.after = peer,
                        .name = peer.at("name").get<std::string>(),
                        .state = peer.at("state").get<std::string>(),
                        .sent = grown(old, peer, "tx_packets") != 0,
                        .received = grown(old, peer, "rx_packets") != 0};
    const bool is_refusing = refused && course.state == "connecting";
    refused_explained = refused_explained || is_refusing;
    if (!only.empty() && only != course.name) continue;
    std::vector<Finding> sources = of_accepted_sources(course, own);
    // That it has a session is no comfort then.
    if (sources.empty()) sources.push_back(of_peer(course, is_refusing, unreachable));
    std::ranges::move(sources, std::back_inserter(findings));
  }
  if (!refused_explained) {
    findings.push_back(
        {Health::kBad, "",
         "handshakes of known peers are refused: one replays old messages, or its clock was set "
         "back: correct that clock, or restart the daemon here"});
  }
  return findings;
}

}  // namespace tunneld::daemon
