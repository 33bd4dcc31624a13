// The sections of a configuration file, one reader each, each in a file of its name.
//
// A reader gets the value behind its key, reports what is wrong with it, and returns what it could read. What
// spans sections or files is in cross_checks.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/node.h"

namespace tunneld::config {

/// Where relative file names start: the directory of the file that contains them, absolute.
struct Directory {
  std::string path;
};

[[nodiscard]] InterfaceConfig read_interface(const Node& node, const Directory& directory);
/// Appends, since every included file may bring peers.
void read_peers(const Node& node, const Directory& directory, std::vector<PeerConfig>& peers);
[[nodiscard]] RoutesConfig read_routes(const Node& node);
[[nodiscard]] CryptoConfig read_crypto(const Node& node);
/// The kernel gives a tun device no more (MAX_TAP_QUEUES, drivers/net/tun.c), and each worker needs one.
inline constexpr std::uint64_t kMostQueues = 256;
[[nodiscard]] std::optional<unsigned> read_workers(const Node& node);
[[nodiscard]] ServerConfig read_server(const Node& node);
[[nodiscard]] ClientConfig read_client(const Node& node);
/// `groups:`, in the order of the file.
[[nodiscard]] std::vector<GroupConfig> read_groups(const Node& node);
/// `allow`, of groups and peers.
[[nodiscard]] std::vector<Located<AccessRule>> read_allow(const Node& node);
[[nodiscard]] SwitchConfig read_switch(const Node& node);
[[nodiscard]] LogConfig read_log(const Node& node);

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

/// `push`, of the server and of its peers.
[[nodiscard]] PushConfig read_push(const Node& node);

/// `persist`, of the interface: true, false, or a mapping with owner, group and queues.
[[nodiscard]] std::optional<PersistConfig> read_persist(const Node& node);

/// `bridge`, of the interface: a name, or a mapping.
[[nodiscard]] std::optional<BridgeConfig> read_bridge(const Node& node);

/// Values that several sections have.
enum class DnsOf : std::uint8_t { kInterface, kPush };
[[nodiscard]] DnsConfig read_dns(const Node& node, DnsOf whose);
/// What is more in it than may be, in words; else empty.
[[nodiscard]] std::string excess_of(const DnsConfig& dns);
[[nodiscard]] std::optional<bool> read_bool(const Node& node);
/// A list of networks without host bits. `example` is one, like "10.20.0.0/16".
[[nodiscard]] std::vector<Located<net::IpPrefix>> read_networks(const Node& node, std::string_view example);
/// `off` (zero), or whole seconds from 1 to 65535.
[[nodiscard]] std::optional<Duration> read_keepalive(const Node& node);
[[nodiscard]] std::optional<Located<KeyFile>> read_key_file(const Node& node, const Directory& directory);
[[nodiscard]] std::optional<Located<net::IpPrefix>> read_prefix(const Node& node);
/// Of one station: no group, not zero.
[[nodiscard]] std::optional<Located<net::MacAddress>> read_mac_address(const Node& node);

}  // namespace tunneld::config
