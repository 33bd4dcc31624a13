#include "daemon/host/changes/tap_filter.h"

#include <numeric>

#include <fmt/core.h>

#include "common/log.h"
#include "common/net/nftables.h"
#include "daemon/host/changes/nft_table.h"

namespace tunneld::daemon {
namespace {

constexpr const char* kNetdev = "netdev";

/// There are only sixteen marks. Each tunneld computes its mark from its device's name, without knowing the
/// others.
void warn_of_same_mark(const std::string& interface, net::Netlink& netlink) {
  const std::uint32_t mark = peers_mark(interface);
  try {
    for (const net::Link& link : netlink.links()) {
      if (link.name == interface || peers_mark(link.name) != mark) continue;
      if (net::nft_table_comment(nft_table_name(link.name), kNetdev) != kOurNftComment) continue;
      log::warn(
          "packets from the peers of {} and {} get the same mark ({:#x}), which follows from the name, so "
          "packets between them may be dropped: rename one of the devices",
          interface, link.name, mark);
    }
  } catch (const net::NetlinkError& error) {
    log::debug("{}: cannot check whether another device has the same mark: {}", interface, error.what());
  }
}

}  // namespace

std::uint32_t peers_mark(const std::string& interface) {
  const unsigned sum = std::accumulate(interface.begin(), interface.end(), 0U, [](unsigned all, char c) {
    return all + static_cast<unsigned char>(c);
  });
  return 0x10000000U | (sum % 16) << 24;
}

std::string TapFilter::in_words() const {
  return "nft table netdev " + nft_table_name(interface.name) + ": what peers send is marked" +
         (isolates ? ", peers kept apart" : "");
}

std::string TapFilter::nft_text() const {
  const auto chain = [this](const char* name, const char* hook, const std::string& rule) {
    return fmt::format(
        "  chain {} {{\n    type filter hook {} device \"{}\" priority filter; policy accept;\n    {}\n  "
        "}}\n",
        name, hook, interface.name, rule);
  };
  const std::uint32_t mark = peers_mark(interface.name);
  std::string text = "table netdev " + nft_table_name(interface.name) + " {\ncomment \"" + kOurNftComment +
                     "\"\n" +
                     chain("from-peers", "ingress",
                           fmt::format("meta mark set meta mark & {:#x} | {:#x}", ~kPeersMarkBits, mark));
  if (isolates) {
    text += chain("to-peers", "egress", fmt::format("meta mark & {:#x} == {:#x} drop", kPeersMarkBits, mark));
  }
  return text + "}\n";
}

Json TapFilter::to_json() const {
  Json object = interface.to_json();
  object["isolates"] = isolates;
  return object;
}

std::optional<TapFilter> TapFilter::from_json(const Json& json) {
  return TapFilter{.interface = Interface::from_json(json), .isolates = json.at("isolates")};
}

Preparation TapFilter::prepare(net::Netlink&) {
  interface.look_up();
  return Preparation::kReady;
}

// If an earlier table of ours exists, this replaces it.
void TapFilter::apply(net::Netlink& netlink) const {
  const std::string name = nft_table_name(interface.name);
  const auto comment = net::nft_table_comment(name, kNetdev);
  if (comment && *comment != kOurNftComment) {
    throw net::NetlinkError(
        net::NetlinkError::Reason::kExists,
        "the host has an nft table netdev " + name + " that tunneld did not make: remove or rename it");
  }
  try {
    net::run_nft((comment ? "delete table netdev " + name + "\n" : "") + nft_text());
  } catch (const net::NetlinkError& error) {
    if (error.reason() == net::NetlinkError::Reason::kNotPermitted) throw;
    throw net::NetlinkError(
        error.reason(),
        std::string(error.what()) +
            ": this host cannot filter packets at a device, which needs Linux 5.16 and nftables 1.0.1. The "
            "filter keeps peers of " +
            interface.name +
            " apart, and keeps them from becoming the host's router. To do without it, set `switch: { "
            "router_advertisements: true, client_to_client: true }`");
  }
  warn_of_same_mark(interface.name, netlink);
}

bool TapFilter::takes_place_of(const TapFilter& made) {
  if (interface != made.interface) return false;
  interface = made.interface;
  return true;
}

Undone TapFilter::undo(net::Netlink&) const {
  return remove_nft_table(nft_table_name(interface.name), kNetdev) ? Undone::kDone : Undone::kNotOurs;
}

std::optional<net::NftTableState> TapFilter::table_now() const {
  return nft_table_now(nft_table_name(interface.name), net::NftFamily::kNetdev);
}

Standing TapFilter::standing(const std::optional<net::NftTableState>& as_made) const {
  return nft_table_standing(nft_table_name(interface.name), net::NftFamily::kNetdev, as_made);
}

}  // namespace tunneld::daemon
