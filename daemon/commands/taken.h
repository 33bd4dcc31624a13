// What is taken on this host already: by other configurations, by running daemons, in the kernel. `init` keeps
// out of its way, and `check --plan` names it.
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

  /// Each with who has it, like "/etc/tunneld/office.yaml".
  std::map<std::string, std::string> interfaces{};
  std::map<std::uint16_t, std::string> ports{};  ///< empty for a program that is yet to be found
  std::map<RouteKey, std::string> routes{};
  /// Interfaces' addresses with their prefix length, and servers' pools.
  std::vector<Network> networks{};

  /// What a start with this configuration would take.
  void add(const config::Config& config, const std::string& path);
  /// Every configuration in the directory that can be read, but for the file `own`.
  void add_directory(const std::string& directory, const std::string& own = "");
  /// The kernel's interfaces, addresses, routes and UDP ports, and daemons' journals, but for what the running
  /// daemon of `own` has. Says on stderr what could not be looked up.
  void add_host(const config::InterfaceConfig* own = nullptr);

  /// In words; `port` is one of `ports`.
  [[nodiscard]] std::string user_of_port(std::uint16_t port) const;
  /// Whether some address, pool or route is in `network` or around it; default routes do not count.
  [[nodiscard]] bool overlaps(const net::IpPrefix& network) const;
  /// The same, but for what is larger than `network`.
  [[nodiscard]] bool has_within(const net::IpPrefix& network) const;

 private:
  [[nodiscard]] bool has(const std::function<bool(const net::IpPrefix&)>& is_it) const;
};

/// What is taken on this host, and by the files in `directory`.
[[nodiscard]] Taken all_taken(const std::string& directory);
/// The same for `check`: without what this configuration itself has, in its file or as a running daemon.
[[nodiscard]] Taken taken_by_others(const config::Config& config, const std::string& path);

/// `wanted` if that is a valid name and free, otherwise the first free one of tun0, tun1 and so on.
[[nodiscard]] std::string free_interface(const Taken& taken, const std::string& wanted);
/// 51820, or the first free one after it.
[[nodiscard]] std::uint16_t free_port(const Taken& taken);
/// The first of `candidates` that overlaps nothing, or at least has nothing within; otherwise the first of all.
[[nodiscard]] net::IpPrefix free_network(const Taken& taken, const std::vector<net::IpPrefix>& candidates);

/// Warnings: how a start would fail, or hurt others, because of what is taken. `plan`: of `config`.
[[nodiscard]] config::Diagnostics collisions(const config::Config& config, const HostPlan& plan,
                                             const Taken& taken);

}  // namespace tunneld::daemon
