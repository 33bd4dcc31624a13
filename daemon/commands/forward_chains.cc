#include "daemon/commands/forward_chains.h"

#include <sstream>
#include <string_view>
#include <system_error>

#include "common/net/nftables.h"

namespace tunneld::daemon {
namespace {

struct Chain {
  std::string table;  ///< "ip filter"
  std::string name;
  bool forwards = false;
  bool drops = false;
  bool drops_by_policy = false;
  bool names_interface = false;
  unsigned rules = 0;  ///< not counting one that drops everything
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

/// Whether the rule drops every packet, whatever else it does.
bool drops_all(std::string_view rule) {
  if (rule.starts_with("counter packets ")) {
    // counter packets 0 bytes 0 drop
    for (int words = 0; words < 5 && rule.find(' ') != std::string_view::npos; ++words)
      rule.remove_prefix(rule.find(' ') + 1);
  } else if (rule.starts_with("counter ")) {
    rule.remove_prefix(std::string_view("counter ").size());
  }
  return rule == "drop" || rule == "reject" || rule.starts_with("reject with ");
}

void read_line(std::string_view line, const std::string& interface, Chain& chain) {
  if (line.starts_with("type ")) {
    chain.forwards = line.find(" hook forward ") != std::string_view::npos;
    chain.drops_by_policy = line.find("policy drop;") != std::string_view::npos;
    chain.drops = chain.drops_by_policy;
  } else if (drops_all(line)) {
    chain.drops = true;
  } else if (!line.starts_with("comment ")) {
    ++chain.rules;
    if (line.find('"' + interface + '"') != std::string_view::npos) chain.names_interface = true;
  }
}

Finding finding_of(const Chain& chain, const std::string& interface) {
  const std::string where = "chain " + chain.name + " of table " + chain.table;
  return {chain.rules == 0 ? Health::kBad : Health::kUnclear, "",
          "this host is to forward for the tunnel, and its firewall drops what is forwarded: " + where +
              (chain.drops_by_policy ? " has policy drop" : " ends in a rule that drops all") +
              (chain.rules == 0 ? "" : ", unless one of its rules lets it pass") +
              "; accept there what comes from " + interface + ", and the answers to it"};
}

}  // namespace

std::vector<Finding> forward_findings(const std::string& ruleset, const std::string& interface) {
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
      if (chain.forwards && chain.drops && !chain.names_interface)
        findings.push_back(finding_of(chain, interface));
    } else if (inside && !line.empty()) {
      read_line(line, interface, chain);
    }
  }
  return findings;
}

std::vector<Finding> forward_findings(const std::string& interface) {
  try {
    return forward_findings(net::nft_ruleset(), interface);
  } catch (const net::NetlinkError&) {
    return {};
  } catch (const std::system_error&) {
    return {};
  }
}

}  // namespace tunneld::daemon
