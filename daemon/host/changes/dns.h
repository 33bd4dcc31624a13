// Name servers and search domains, which the host's programs use while the interface is up. They are set
// through the program that manages the host's name servers, called their keeper here
// (daemon/host/dns/dns_change.h).
#pragma once

#include <vector>

#include "common/net/ip_address.h"
#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

enum class DnsKeeper : std::uint8_t { kNobody, kResolved, kResolvconf, kFile };

struct DnsSet {
  Interface interface;
  std::vector<net::IpAddress> servers;
  /// Each passes net::is_dns_name().
  std::vector<std::string> search;
  /// All names are looked up through the tunnel. Otherwise, only names below `search` are, if the keeper can
  /// make that difference (systemd-resolved).
  bool all_names = false;
  /// The user has confirmed that the resolver belongs to this network namespace
  /// (daemon/host/dns/own_namespace.h).
  bool own_resolver = false;
  /// Set by prepare(), like all members below.
  DnsKeeper keeper = DnsKeeper::kNobody;
  /// The file's path, or the name of resolvconf's record.
  std::string place{};
  /// The file that contains our lines. `place` may be a link to it, and may lead to another file later.
  std::string file{};
  /// resolvconf's path.
  std::string program{};
  /// The file did not exist before.
  bool made_file = false;
  bool operator==(const DnsSet& other) const {
    return interface == other.interface && servers == other.servers && search == other.search &&
           all_names == other.all_names && own_resolver == other.own_resolver;
  }

  static constexpr std::string_view kName = "dns";
  [[nodiscard]] std::string in_words() const;
  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static std::optional<DnsSet> from_json(const Json& json);
  [[nodiscard]] Preparation prepare(net::Netlink& netlink);
  void apply(net::Netlink& netlink) const;
  [[nodiscard]] Undone undo(net::Netlink& netlink) const;
  [[nodiscard]] Standing standing(HostState& now) const;
  [[nodiscard]] static bool can_do_without() { return true; }
  bool takes_place_of(const DnsSet& made);
};

}  // namespace tunneld::daemon
