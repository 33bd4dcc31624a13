// What the kernel has now, compared with what was made.
//
// A comparison reads each of the kernel's tables once, and only those that are asked for: a host may have
// 10,000 of our routes, and a comparison follows every notice that something has changed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "common/net/netlink.h"
#include "common/net/nft_watch.h"
#include "daemon/host/host_change.h"

namespace tunneld::daemon {

enum class Standing : std::uint8_t {
  kStands,      // as it was made; or of a kind that is not compared (settings)
  kMissing,     // somebody has taken it away, or changed it
  kTaken,       // a port of somebody else's bridge now
  kNoDevice,    // its device is gone, has another name, or is in another network namespace
  kOthersKeep,  // name servers: /etc/resolv.conf is another program's work now
  kNoAnswer,    // name servers: who keeps them does not run, or its file cannot be read
};

/// To stand behind a thing's words: " (…)"; empty where there is nothing to add.
[[nodiscard]] const char* in_words(Standing standing);

/// The kernel at one moment: for one comparison.
class HostState {
 public:
  explicit HostState(net::Netlink& netlink) : netlink_(netlink) {}

  /// `made` is complete (see prepare()); a LinkUp with an MTU of 0 stands with any. `table`: of an nft table,
  /// as it was made; nullopt: not known. Throws NetlinkError or std::system_error.
  [[nodiscard]] Standing standing(const HostChange& made,
                                  const std::optional<net::NftTableState>& table = std::nullopt);

 private:
  using RouteKey = std::tuple<net::IpPrefix, std::uint32_t /*table*/, std::uint32_t /*metric*/>;
  static RouteKey key_of(const net::Route& route);

  /// Its only user is this process.
  static Standing of(const DeviceOpened&) { return Standing::kStands; }
  Standing of(const LinkAddress& link);
  Standing of(const BridgeMade& made);
  Standing of(const BridgePort& port);
  Standing of(const LinkUp& link);
  Standing of(const AddressAdded& added);
  Standing of(const RouteAdded& added);
  Standing of(const RuleAdded& added);
  /// What others change of these, they have taken over (see host_change.h).
  static Standing of(const SysctlSet&) { return Standing::kStands; }
  static Standing of(const ForwardingOn&) { return Standing::kStands; }
  Standing of(const NftTable& table) const;
  Standing of(const BridgeFilter& filter) const;
  static Standing of(const DnsSet& set);

  /// nullopt: there is none of this name and index.
  const std::optional<net::Link>& link(const Interface& interface);

  net::Netlink& netlink_;
  const std::optional<net::NftTableState>* table_ = nullptr;
  std::map<std::uint32_t, std::optional<net::Link>> links_;
  std::map<std::uint32_t, std::set<net::IpPrefix>> addresses_;
  /// Out of one interface.
  std::map<std::pair<net::Family, std::uint32_t>, std::set<RouteKey>> routes_;
  std::map<net::Family, std::vector<net::Rule>> rules_;
};

}  // namespace tunneld::daemon
