#include "daemon/commands/forward_chains.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>

#include "common/net/ip_address.h"
#include "common/net/nftables.h"

namespace tunneld::daemon {
namespace {

struct Chain {
  std::string table;  ///< "ip filter"
  std::string name;
  bool forwards = false;
  std::string drops = {};  ///< why it drops, "" if it does not
  bool names_interface = false;
  unsigned rules = 0;  ///< that might let something pass
};

std::string_view trimmed(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(" \t") + 1 - begin);
}

/// The name in a line of this kind: "ip filter" in "table ip filter {".
std::string named(std::string_view line, std::string_view kind) {
  line.remove_prefix(kind.size() + 1);
  return std::string(line.substr(0, line.find(" {")));
}

/// The words of a rule but its comment, and its counter's, which is no condition.
std::vector<std::string> words_of_rule(std::string_view rule) {
  std::istringstream text(std::string(rule.substr(0, rule.find(" comment \""))));
  std::vector<std::string> words;
  for (std::string word; text >> word;) {
    if (word == "counter") continue;
    if (word == "packets" || word == "bytes") {
      text >> word;
    } else {
      words.push_back(word);
    }
  }
  return words;
}

/// What precedes its verdict, if that is to drop.
std::optional<std::vector<std::string>> conditions_to_drop(std::string_view rule) {
  std::vector<std::string> words = words_of_rule(rule);
  // A map has a verdict for each key.
  if (std::ranges::find(words, "vmap") != words.end()) return std::nullopt;
  const auto verdict =
      std::ranges::find_if(words, [](const std::string& word) { return word == "drop" || word == "reject"; });
  if (verdict == words.end()) return std::nullopt;
  words.erase(verdict, words.end());
  return words;
}

bool is_the_interface(const std::vector<std::string>& conditions, const std::string& interface) {
  constexpr std::array kMatches{"iif", "oif", "iifname", "oifname"};
  return conditions.size() == 2 && std::ranges::find(kMatches, conditions[0]) != kMatches.end() &&
         conditions[1] == '"' + interface + '"';
}

void read_line(std::string_view line, const std::string& interface, Chain& chain) {
  if (line.starts_with("type ")) {
    chain.forwards = line.find(" hook forward ") != std::string_view::npos;
    if (line.find("policy drop;") != std::string_view::npos) chain.drops = "has policy drop";
  } else if (const auto conditions = conditions_to_drop(line)) {
    // One that drops lets nothing pass, whatever it names.
    if (!chain.drops.empty()) return;
    if (conditions->empty()) chain.drops = "ends in a rule that drops all";
    if (is_the_interface(*conditions, interface)) chain.drops = "drops all of " + interface;
  } else if (!line.starts_with("comment ")) {
    ++chain.rules;
    if (line.find('"' + interface + '"') != std::string_view::npos) chain.names_interface = true;
  }
}

Finding finding_of(const Chain& chain, const std::string& interface, Forwards forwards) {
  const bool is_asked = forwards == Forwards::kAsked;
  return {chain.rules == 0 && is_asked ? Health::kBad : Health::kUnclear, "",
          std::string(is_asked ? "this host should forward packets for the tunnel"
                               : "this host forwards packets, perhaps for the tunnel too") +
              ", but its firewall drops them: chain " + chain.name + " of table " + chain.table + " " +
              chain.drops + (chain.rules == 0 ? "" : ", unless one of its rules lets them pass") +
              "; add rules there that accept packets from " + interface + " and the answers to them"};
}

/// Networks behind a peer: neither the tunnel's own nor everything.
bool leads_to_networks(const Json& peer, const std::vector<net::IpPrefix>& own) {
  return std::ranges::any_of(peer.at("allowed_ips"), [&own](const Json& text) {
    const auto network = net::IpPrefix::parse(text.get<std::string>());
    return network && network->length != 0 && !network->is_single() &&
           std::ranges::none_of(own, [&](const net::IpPrefix& each) { return each.overlaps(*network); });
  });
}

}  // namespace

Forwards forwards_for_tunnel(const Json& status, bool host_forwards) {
  if (status.value("forwarding", false)) return Forwards::kAsked;
  if (!host_forwards || status.contains("client")) return Forwards::kNot;
  if (status.contains("server")) return Forwards::kPerhaps;
  std::vector<net::IpPrefix> own;
  for (const Json& text : status.at("interface").at("addresses")) {
    if (const auto address = net::IpPrefix::parse(text.get<std::string>())) own.push_back(address->network());
  }
  const Json& peers = status.at("peers");
  const auto leads = [&own](const Json& peer) { return leads_to_networks(peer, own); };
  return peers.size() > 1 || std::ranges::any_of(peers, leads) ? Forwards::kPerhaps : Forwards::kNot;
}

bool host_forwards() {
  for (const char* path : {"/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"}) {
    std::ifstream file(path);
    if (char value = 0; file >> value && value != '0') return true;
  }
  return false;
}

std::vector<Finding> forward_findings(const std::string& ruleset, const std::string& interface,
                                      Forwards forwards) {
  if (forwards == Forwards::kNot) return {};
  std::vector<Finding> findings;
  std::istringstream lines(ruleset);
  std::string table;
  Chain chain;
  bool inside = false;
  for (std::string text; std::getline(lines, text);) {
    const std::string_view line = trimmed(text);
    if (line.starts_with("table ")) {
      table = named(line, "table");
    } else if (line.starts_with("chain ") && line.ends_with('{')) {
      chain = {.table = table, .name = named(line, "chain")};
      inside = true;
    } else if (inside && line == "}") {
      inside = false;
      if (chain.forwards && !chain.drops.empty() && !chain.names_interface)
        findings.push_back(finding_of(chain, interface, forwards));
    } else if (inside && !line.empty()) {
      read_line(line, interface, chain);
    }
  }
  return findings;
}

std::vector<Finding> forward_findings(const std::string& interface, Forwards forwards) {
  if (forwards == Forwards::kNot) return {};
  try {
    return forward_findings(net::nft_ruleset(), interface, forwards);
  } catch (const net::NetlinkError&) {
    return {};
  } catch (const std::system_error&) {
    return {};
  }
}

}  // namespace tunneld::daemon
