// Name servers and search domains for the host's programs, while the interface is up. Who keeps the host's,
// and how each is told, is in daemon/host/dns/dns_change.h.
#pragma once

#include <vector>

#include "common/net/ip_address.h"
#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

enum class DnsKeeper : std::uint8_t { kNobody, kResolved, kResolvconf, kFile };

struct DnsSet {
  Interface interface;
  std::vector<net::IpAddress> servers;
  /// Checked (net::is_dns_name).
  std::vector<std::string> search;
  /// Every name is asked for inside the tunnel. Otherwise only those of `search`, where the keeper can tell
  /// names apart (systemd-resolved).
  bool all_names = false;
  /// The user says that the resolver is this network namespace's (daemon/host/dns/own_namespace.h).
  bool own_resolver = false;
  /// From prepare() on.
  DnsKeeper keeper = DnsKeeper::kNobody;
  /// The file's path, or the name of resolvconf's record.
  std::string place{};
  /// The file that our lines are in: where `place` led when they were written.
  std::string file{};
  /// resolvconf's path.
  std::string program{};
  /// There was no file.
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
