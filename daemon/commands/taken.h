// Finds names, addresses, routes and ports that are already in use on this host: by other configurations, by running
// daemons, or in the kernel. `init` avoids them, and `check --plan` reports them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/net/ip_address.h"
#include "config/config.h"
#include "config/diagnostic.h"
#include "daemon/host/host_plan.h"

namespace tunneld::daemon {

inline constexpr const char* kConfigDirectory = "/etc/tunneld";

struct Taken {
  struct Network {
    net::IpPrefix network;
    std::string by;
  };
  /// The kernel has one route of each.
  struct RouteKey {
    net::IpPrefix destination;
    std::uint32_t table;
    std::uint32_t metric;
    auto operator<=>(const RouteKey&) const = default;
  };

  /// Each with its user, like "/etc/tunneld/office.yaml".
  std::map<std::string, std::string> interfaces{};
  std::map<std::uint16_t, std::string> ports{};  ///< empty for a program that is yet to be found
  std::map<RouteKey, std::string> routes{};
  /// Interfaces' addresses with their prefix length, and servers' pools.
  std::vector<Network> networks{};

  /// What a start with this configuration would take.
  void add(const config::Config& config, const std::string& path);
  /// Every readable configuration in the directory, except the file `own`.
  void add_directory(const std::string& directory, const std::string& own = "");
  /// The configurations in folders beside `directory` that nobody but root and this user can write; of the first
  /// kMostNeighbours. Of /etc/tunneld, there are none.
  void add_neighbours(const std::string& directory);
  static constexpr std::size_t kMostNeighbours = 64;
  /// The kernel's interfaces, addresses, routes and UDP ports, and daemons' journals, except those of the running
  /// daemon of `own`. Prints to stderr what could not be looked up.
  void add_host(const config::InterfaceConfig* own = nullptr);

  /// In words; `port` is one of `ports`.
  [[nodiscard]] std::string user_of_port(std::uint16_t port) const;
  /// Whether an address, pool or route overlaps `network`; default routes do not count.
  [[nodiscard]] bool overlaps(const net::IpPrefix& network) const;
  /// The same, except those that are larger than `network`.
  [[nodiscard]] bool has_within(const net::IpPrefix& network) const;

 private:
  [[nodiscard]] bool has(const std::function<bool(const net::IpPrefix&)>& is_it) const;
};

/// What is taken on this host, and by the files in `directory`.
[[nodiscard]] Taken all_taken(const std::string& directory);
/// The same for `check`: without what this configuration's own file or running daemon uses.
[[nodiscard]] Taken taken_by_others(const config::Config& config, const std::string& path);

/// `wanted` if that is a valid name and free, otherwise the first free one of tun0, tun1 and so on.
[[nodiscard]] std::string free_interface(const Taken& taken, const std::string& wanted);
/// 51820, or the first free one after it.
[[nodiscard]] std::uint16_t free_port(const Taken& taken);
/// The first of `candidates` that overlaps nothing; if there is none, the first that contains nothing; otherwise the
/// first one.
[[nodiscard]] net::IpPrefix free_network(const Taken& taken, const std::vector<net::IpPrefix>& candidates);

/// Warnings about conflicts with which a start would fail or harm others. `plan`: of `config`.
[[nodiscard]] config::Diagnostics collisions(const config::Config& config, const HostPlan& plan,
                                             const Taken& taken);

}  // namespace tunneld::daemon
