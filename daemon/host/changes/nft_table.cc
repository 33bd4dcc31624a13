#include "daemon/host/changes/nft_table.h"

#include <sstream>

#include "common/net/nftables.h"

namespace tunneld::daemon {
namespace {

constexpr const char* kPrefix = "tunneld-";
constexpr const char* kGuardComment = "held by tunneld while it runs";
constexpr std::string_view kCounter = "counter ";

/// The rules, with counters that start at the values that they have in the replaced table.
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

/// In the syntax of nft(8).
std::string table_text(const std::string& name, const std::string& rules) {
  return "table inet " + name + " {\ncomment \"" + kOurNftComment + "\"\n" + rules + "}\n";
}

}  // namespace

std::string NftTable::in_words() const {
  return "nft table inet " + name + (fail_closed ? ", which outlives a crash" : "");
}

Json NftTable::to_json() const {
  return {{"name", name}, {"fail_closed", fail_closed}};
}

std::optional<NftTable> NftTable::from_json(const Json& json) {
  return NftTable{.name = json.at("name"), .rules = {}, .fail_closed = json.at("fail_closed")};
}

Preparation NftTable::prepare(net::Netlink&) {
  return Preparation::kReady;
}

void NftTable::apply(net::Netlink&) const {
  const auto comment = net::nft_table_comment(name);
  // If somebody else has created a table of this name since the check, `create` fails.
  if (!comment) {
    return net::run_nft("create table inet " + name + " { comment \"" + kOurNftComment + "\"; }\n" +
                        table_text(name, rules));
  }
  if (*comment != kOurNftComment) {
    throw net::NetlinkError(
        net::NetlinkError::Reason::kExists,
        "the host has an nft table inet " + name + " that tunneld did not make: remove or rename it");
  }
  net::run_nft("delete table inet " + name + "\n" +
               table_text(name, counting_on(rules, net::nft_counters(name))));
}

Undone NftTable::undo(net::Netlink&) const {
  return remove_nft_table(name) ? Undone::kDone : Undone::kNotOurs;
}

std::optional<net::NftTableState> NftTable::table_now() const {
  return nft_table_now(name, net::NftFamily::kInet);
}

Standing NftTable::standing(const std::optional<net::NftTableState>& as_made) const {
  return nft_table_standing(name, net::NftFamily::kInet, as_made);
}

std::string nft_table_name(const std::string& interface) {
  return kPrefix + net::nft_name(interface);
}

bool remove_nft_table(const std::string& name, const std::string& family) {
  if (net::nft_table_comment(name, family) != kOurNftComment) return false;
  const std::string command = "delete table " + family + " " + name;
  try {
    net::run_nft(command);
  } catch (const net::NftProcessDied&) {
    if (net::nft_table_comment(name, family) != kOurNftComment) return true;
    net::run_nft(command);
  }
  return true;
}

std::optional<net::NftTableState> nft_table_now(const std::string& name, net::NftFamily family) {
  try {
    return net::nft_table_state(name, family);
  } catch (const net::NetlinkError&) {
    return std::nullopt;
  }
}

Standing nft_table_standing(const std::string& name, net::NftFamily family,
                            const std::optional<net::NftTableState>& as_made) {
  const auto present = net::nft_table_state(name, family);
  return standing_if(as_made ? present == as_made : present.has_value());
}

net::FileDescriptor hold_guard(const NftTable& table) {
  // Another comment than ours: it goes with its owner, and a clean-up has to leave it alone.
  const std::string head =
      "table inet " + table.name + "-guard {\nflags owner\ncomment \"" + kGuardComment + "\"\n";
  // `create` alone, which fails where somebody else has one, makes no chains.
  return net::run_nft_as_owner("create " + head + "}\n" + head + table.guard + "}\n");
}

std::size_t remove_all_nft_tables() {
  std::size_t removed = 0;
  for (const char* family : {"inet", "netdev"}) {
    for (const std::string& name : net::nft_tables(family)) {
      if (name.starts_with(kPrefix) && remove_nft_table(name, family)) ++removed;
    }
  }
  return removed;
}

}  // namespace tunneld::daemon
