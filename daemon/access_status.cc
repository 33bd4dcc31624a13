#include "daemon/access_status.h"

#include <exception>

#include "common/json.h"
#include "common/log.h"
#include "common/net/nftables.h"
#include "daemon/host/changes/nft_table.h"
#include "daemon/host/firewall.h"

namespace tunneld::daemon {
namespace {

class Lister {
 public:
  explicit Lister(std::map<std::string, net::NftCounter> counters) : counters_(std::move(counters)) {}

  /// The entries of a chain; `owner`: {"group": "guest"}. What falls through to a group is denied there.
  void add(const Json& owner, const std::string& chain, const std::vector<config::AccessRule>& allow,
           bool falls_through) {
    for (const config::AccessRule& rule : allow) {
      add_counter(owner, "allow", rule.to_string(), allowed_counter(chain, rule));
    }
    if (!falls_through) add_counter(owner, "deny", "all else", denied_counter(chain));
  }
  [[nodiscard]] Json take() { return std::move(list_); }

 private:
  void add_counter(const Json& owner, const char* action, const std::string& rule, const std::string& name) {
    const auto counter = counters_.find(name);
    if (counter == counters_.end()) return;
    Json entry = owner;
    entry["action"] = action;
    entry["rule"] = rule;
    entry["packets"] = counter->second.packets;
    entry["bytes"] = counter->second.bytes;
    list_.push_back(std::move(entry));
  }

  std::map<std::string, net::NftCounter> counters_;
  Json list_ = Json::array();
};

}  // namespace

Json access_status(const std::string& interface, const AccessPlan& access) {
  if (access.is_empty()) return Json::array();
  try {
    Lister lister(net::nft_counters(nft_table_name(interface)));
    for (const AccessPlan::Group& group : access.groups) {
      lister.add({{"group", group.name}}, group_chain(group.name), group.allow, false);
    }
    for (const PeerAccess& peer : access.peers) {
      if (peer.allow)
        lister.add({{"peer", peer.name}}, peer_chain(peer.name), *peer.allow, peer.group.has_value());
    }
    return lister.take();
  } catch (const std::exception& error) {
    log::warn("cannot read the counters of access rules: {}", error.what());
    return Json::array();
  }
}

}  // namespace tunneld::daemon
