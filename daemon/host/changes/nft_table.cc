#include "daemon/host/changes/nft_table.h"

#include <sstream>

#include "common/net/nftables.h"

namespace tunneld::daemon {
namespace {

constexpr const char* kPrefix = "tunneld-";
constexpr const char* kOurComment = "made by tunneld";
/// What has come to this host from a peer, by way of a bridge. High, where few others have theirs.
constexpr const char* kFromPeers = "0x10000000";
constexpr std::string_view kCounter = "counter ";

/// The rules with counters that start where those of the table before them stand.
std::string counting_on(const std::string& rules, const std::map<std::string, net::NftCounter>& counters) {
  std::string text;
  std::istringstream lines(rules);
  for (std::string line; std::getline(lines, line); text += line + '\n') {
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin == std::string::npos || !std::string_view(line).substr(begin).starts_with(kCounter)) continue;
    const std::size_t name_at = begin + kCounter.size();
    const std::string name = line.substr(name_at, line.find(' ', name_at) - name_at);
    const auto before = counters.find(name);
    if (before == counters.end()) continue;
    line = "counter " + name + " { packets " + std::to_string(before->second.packets) + " bytes " +
           std::to_string(before->second.bytes) + " }";
  }
  return text;
}

}  // namespace

std::string nft_table_name(const std::string& interface) {
  return kPrefix + net::nft_name(interface);
}

std::string nft_text(const NftTable& table) {
  return "table inet " + table.name + " {\ncomment \"" + kOurComment + "\"\n" + table.rules + "}\n";
}

void make_nft_table(const NftTable& table) {
  const auto comment = net::nft_table_comment(table.name);
  // Should somebody make one between the question and the answer, `create` fails.
  if (!comment) {
    return net::run_nft("create table inet " + table.name + " { comment \"" + kOurComment + "\"; }\n" +
                        nft_text(table));
  }
  if (*comment != kOurComment) {
    throw net::NetlinkError(
        net::NetlinkError::Reason::kExists,
        "the host has an nft table inet " + table.name + " that tunneld did not make: remove or rename it");
  }
  NftTable next = table;
  next.rules = counting_on(table.rules, net::nft_counters(table.name));
  net::run_nft("delete table inet " + table.name + "\n" + nft_text(next));
}

bool remove_nft_table(const std::string& name, const std::string& family) {
  if (net::nft_table_comment(name, family) != kOurComment) return false;
  const std::string command = "delete table " + family + " " + name;
  try {
    net::run_nft(command);
  } catch (const net::NftProcessDied&) {
    if (net::nft_table_comment(name, family) != kOurComment) return true;
    net::run_nft(command);
  }
  return true;
}

std::optional<net::NftTableState> nft_table_as_made(const std::string& name, net::NftFamily family) {
  try {
    return net::nft_table_state(name, family);
  } catch (const net::NetlinkError&) {
    return std::nullopt;
  }
}

bool nft_table_stands(const std::string& name, const std::optional<net::NftTableState>& made,
                      net::NftFamily family) {
  const auto present = net::nft_table_state(name, family);
  return made ? present == made : present.has_value();
}

std::string nft_text(const BridgeFilter& filter) {
  const std::string device = "\"" + filter.interface.name + "\"";
  std::string text = "table bridge " + nft_table_name(filter.interface.name) + " {\ncomment \"" +
                     kOurComment +
                     "\"\n  chain input {\n    type filter hook input priority filter; policy accept;\n";
  if (filter.no_routers)
    text += "    iifname " + device + " icmpv6 type { nd-router-advert, nd-redirect } drop\n";
  if (filter.isolates) {
    text += "    iifname " + device + " meta mark set meta mark or " + kFromPeers +
            "\n  }\n  chain output {\n    type filter hook output priority filter; policy accept;\n" +
            "    oifname " + device + " meta mark & " + kFromPeers + " == " + kFromPeers + " drop\n";
  }
  return text + "  }\n}\n";
}

void make_bridge_filter(const BridgeFilter& filter) {
  const std::string name = nft_table_name(filter.interface.name);
  const auto comment = net::nft_table_comment(name, "bridge");
  if (comment && *comment != kOurComment) {
    throw net::NetlinkError(
        net::NetlinkError::Reason::kExists,
        "the host has an nft table bridge " + name + " that tunneld did not make: remove or rename it");
  }
  try {
    net::run_nft((comment ? "delete table bridge " + name + "\n" : "") + nft_text(filter));
  } catch (const net::NetlinkError& error) {
    if (error.reason() == net::NetlinkError::Reason::kNotPermitted) throw;
    throw net::NetlinkError(
        error.reason(), std::string(error.what()) +
                            ": this host cannot filter on bridges, which keeps peers of " +
                            filter.interface.name +
                            " from becoming its router and from each other: do "
                            "without by `switch: { router_advertisements: true, client_to_client: true }`");
  }
}

std::size_t remove_all_nft_tables() {
  std::size_t removed = 0;
  for (const char* family : {"inet", "bridge"}) {
    for (const std::string& name : net::nft_tables(family)) {
      if (name.starts_with(kPrefix) && remove_nft_table(name, family)) ++removed;
    }
  }
  return removed;
}

}  // namespace tunneld::daemon
