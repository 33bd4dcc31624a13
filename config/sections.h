// The sections of a configuration file: the options of each, in a file of its name, and the values that
// several of them have.
//
// A reader gets the value behind its key, reports what is wrong with it, and returns what it could read. What
// spans sections or files is in cross_checks.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/option.h"

namespace tunneld::config {

/// All sections, and what stands outside of one.
[[nodiscard]] Options<Config> config_options();
/// Those of them that included files may have too.
[[nodiscard]] Options<Config> shared_options();

[[nodiscard]] Options<InterfaceConfig> interface_options();
[[nodiscard]] Options<BridgeConfig> bridge_options();
[[nodiscard]] Options<PersistConfig> persist_options();
[[nodiscard]] Options<DnsConfig> dns_options();
/// What a server can say of DNS.
[[nodiscard]] Options<DnsConfig> pushed_dns_options();
[[nodiscard]] Options<PeerConfig> peer_options();
[[nodiscard]] Options<PushConfig> push_options();
[[nodiscard]] Options<RoutesConfig> routes_options();
[[nodiscard]] Options<CryptoConfig> crypto_options();
[[nodiscard]] Options<ServerConfig> server_options();
[[nodiscard]] Options<ClientConfig> client_options();
[[nodiscard]] Options<GroupConfig> group_options();
[[nodiscard]] Options<SwitchConfig> switch_options();
[[nodiscard]] Options<LogConfig> log_options();

/// A file to read next, and the line that asks for it.
struct IncludedFile {
  /// As it is shown in messages: relative where the including file was named so.
  std::string path;
  Location at;
};
/// Expands the patterns of `include:`, which start at the directory of `including_file`. Sorted by name
/// within a pattern. A pattern without a match is fine; a plain name that does not exist is reported when it
/// is read. `pretended`, where not empty, is the name of a file that patterns match although it is not there.
[[nodiscard]] std::vector<IncludedFile> read_include(const Node& node, const std::string& including_file,
                                                     const std::string& pretended = {});

// What is no plain mapping.
[[nodiscard]] std::vector<GroupConfig> read_groups(const Node& node);
[[nodiscard]] std::vector<PeerConfig> read_peers(const Node& node);
void show_bridge(std::string_view key, const std::optional<BridgeConfig>& bridge, YamlWriter& out);
void show_persist(std::string_view key, const std::optional<PersistConfig>& persist, YamlWriter& out);
/// Each says whether it has read the value.
[[nodiscard]] bool read_bridge(const Node& node, std::optional<BridgeConfig>& bridge);
[[nodiscard]] bool read_short_persist(const Node& node, std::optional<PersistConfig>& persist);
[[nodiscard]] bool read_short_routes(const Node& node, RoutesConfig& routes);

// Values that several sections have, and how they are described.

inline constexpr std::array kAutoOff{Word<AutoOff>{"auto", AutoOff::kAuto},
                                     Word<AutoOff>{"off", AutoOff::kOff}};

/// The kernel gives a tun device no more (MAX_TAP_QUEUES, drivers/net/tun.c), and each worker needs one.
inline constexpr std::uint64_t kMostQueues = 256;

// RFC 791: every host takes datagrams of 576 bytes. RFC 8200: every IPv6 link carries 1280 (checked across
// sections).
inline constexpr std::uint64_t kSmallestMtu = 576;
// What is left of the largest UDP datagram over IPv4: 65535 - 20 (IP) - 8 (UDP) - 32 (WireGuard's header and
// tag).
inline constexpr std::uint64_t kLargestMtu = 65475;
inline constexpr std::string_view kMtuValues = "a size from 576 to 65475 bytes";
/// nullopt where it is none; `expected` is then reported.
[[nodiscard]] std::optional<std::uint16_t> read_mtu(const Node& node, std::string_view expected);

inline constexpr std::string_view kKeepaliveValues = "off or a time of whole seconds from 1s to 65535s";
/// `off` (zero), or whole seconds from 1 to 65535.
[[nodiscard]] std::optional<Duration> read_keepalive(const Node& node);
[[nodiscard]] std::string show_keepalive(const std::optional<Duration>& interval);

inline constexpr std::string_view kKeyFileValues = "the name of a file, or credential:NAME";
[[nodiscard]] std::optional<Located<KeyFile>> read_key_file(const Node& node);
[[nodiscard]] std::string to_yaml(const KeyFile& file);

/// A list of networks without host bits. `example` is one, like "10.20.0.0/16".
[[nodiscard]] std::vector<Located<net::IpPrefix>> read_networks(const Node& node, std::string_view example);
[[nodiscard]] std::optional<Located<net::IpPrefix>> read_prefix(const Node& node);
/// Of one station: no group, not zero.
[[nodiscard]] std::optional<Located<net::MacAddress>> read_mac_address(const Node& node);
/// `allow`, of groups and peers.
[[nodiscard]] std::vector<Located<AccessRule>> read_allow(const Node& node);
/// What is more in it than may be, in words; else empty.
[[nodiscard]] std::string excess_of(const DnsConfig& dns);

/// A whole number from `kLowest` to `kHighest`.
template <typename T, std::uint64_t kLowest, std::uint64_t kHighest>
[[nodiscard]] std::optional<T> read_number(const Node& node) {
  const auto number = node.number(
      kLowest, kHighest, "a number from " + std::to_string(kLowest) + " to " + std::to_string(kHighest));
  return number ? std::optional(static_cast<T>(*number)) : std::nullopt;
}

}  // namespace tunneld::config
