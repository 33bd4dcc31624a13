#include "daemon/host/changes/bridge_filter.h"

#include "common/net/nftables.h"
#include "daemon/host/changes/nft_table.h"

namespace tunneld::daemon {
namespace {

/// What has come to this host from a peer, by way of a bridge. High, where few others have theirs.
constexpr const char* kFromPeers = "0x10000000";

}  // namespace

std::string BridgeFilter::in_words() const {
  std::string words = "nft table bridge " + nft_table_name(interface.name) + ":";
  if (no_routers) words += " no router of this host is a peer";
  if (isolates) words += no_routers ? ", peers kept apart" : " peers kept apart";
  return words;
}

std::string BridgeFilter::nft_text() const {
  const std::string device = "\"" + interface.name + "\"";
  std::string text = "table bridge " + nft_table_name(interface.name) + " {\ncomment \"" + kOurNftComment +
                     "\"\n  chain input {\n    type filter hook input priority filter; policy accept;\n";
  // Router advertisements and redirects (RFC 4861). Not by `icmpv6 type`, which does not look behind a VLAN tag here.
  if (no_routers)
    text += "    iifname " + device + " meta protocol ip6 meta l4proto 58 @th,0,8 { 134, 137 } drop\n";
  if (isolates) {
    text += "    iifname " + device + " meta mark set meta mark or " + kFromPeers +
            "\n  }\n  chain output {\n    type filter hook output priority filter; policy accept;\n" +
            "    oifname " + device + " meta mark & " + kFromPeers + " == " + kFromPeers + " drop\n";
  }
  return text + "  }\n}\n";
}

Json BridgeFilter::to_json() const {
  Json object = interface.to_json();
  object["no_routers"] = no_routers;
  object["isolates"] = isolates;
  return object;
}

std::optional<BridgeFilter> BridgeFilter::from_json(const Json& json) {
  return BridgeFilter{.interface = Interface::from_json(json),
                      .no_routers = json.at("no_routers"),
                      .isolates = json.at("isolates")};
}

Preparation BridgeFilter::prepare(net::Netlink&) {
  interface.look_up();
  return Preparation::kReady;
}

// It is made, or put in the place of ours.
void BridgeFilter::apply(net::Netlink&) const {
  const std::string name = nft_table_name(interface.name);
  const auto comment = net::nft_table_comment(name, "bridge");
  if (comment && *comment != kOurNftComment) {
    throw net::NetlinkError(
        net::NetlinkError::Reason::kExists,
        "the host has an nft table bridge " + name + " that tunneld did not make: remove or rename it");
  }
  try {
    net::run_nft((comment ? "delete table bridge " + name + "\n" : "") + nft_text());
  } catch (const net::NetlinkError& error) {
    if (error.reason() == net::NetlinkError::Reason::kNotPermitted) throw;
    throw net::NetlinkError(
        error.reason(), std::string(error.what()) +
                            ": this host cannot filter on bridges, which keeps peers of " + interface.name +
                            " from becoming its router and from each other: do without by `switch: { "
                            "router_advertisements: true, client_to_client: true }`");
  }
}

bool BridgeFilter::takes_place_of(const BridgeFilter& made) {
  if (interface != made.interface) return false;
  interface = made.interface;
  return true;
}

Undone BridgeFilter::undo(net::Netlink&) const {
  return remove_nft_table(nft_table_name(interface.name), "bridge") ? Undone::kDone : Undone::kNotOurs;
}

std::optional<net::NftTableState> BridgeFilter::table_now() const {
  return nft_table_now(nft_table_name(interface.name), net::NftFamily::kBridge);
}

Standing BridgeFilter::standing(const std::optional<net::NftTableState>& as_made) const {
  return nft_table_standing(nft_table_name(interface.name), net::NftFamily::kBridge, as_made);
}

}  // namespace tunneld::daemon
