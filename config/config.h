// The configuration as the daemon sees it: plain values, checked, with every default filled in.
//
// A Config that exists has passed every check that needs nothing but the files themselves. What needs the key
// files is load_keys(). Where a later error may have to name a line (a key file, a route that somebody else
// owns), the value carries its location. The options are described for users in docs/config.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/crypto/aead_engine.h"
#include "common/crypto/keys.h"
#include "common/log_level.h"
#include "common/net/ip_address.h"
#include "common/net/mac_address.h"
#include "config/access_rule.h"
#include "config/location.h"
#include "config/peer_endpoint.h"

namespace tunneld::config {

enum class DeviceType : std::uint8_t { kTun, kTap };
/// An optimisation that is used where it works, or never.
enum class AutoOff : std::uint8_t { kAuto, kOff };
using LogLevel = log::Level;

/// Where a secret is read from.
struct KeyFile {
  /// An absolute path, or the name of a systemd credential (a file in $CREDENTIALS_DIRECTORY).
  std::string name;
  bool is_credential = false;
  bool operator==(const KeyFile&) const = default;
};

struct DnsConfig {
  std::vector<Located<net::IpAddress>> servers;
  /// Search domains, without a dot at the end.
  std::vector<Located<std::string>> search;
  /// Of an interface: the user says that the resolver that is told serves tunneld's network namespace.
  bool own_resolver = false;
  bool operator==(const DnsConfig&) const = default;
};

/// The bridge that a tap is a port of.
struct BridgeConfig {
  Located<std::string> name;
  /// It is made at the start and removed at the end, with `members` and `stp`; otherwise it is there already.
  bool create = false;
  /// Interfaces that become ports of it, too.
  std::vector<Located<std::string>> members;
  bool stp = false;
  [[nodiscard]] std::vector<std::string> member_names() const {
    std::vector<std::string> names;
    for (const auto& member : members) names.push_back(member.value);
    return names;
  }
  bool operator==(const BridgeConfig&) const = default;
};

struct PersistConfig {
  /// Whoever may open the device later without CAP_NET_ADMIN.
  std::optional<std::uint32_t> owner;
  std::optional<std::uint32_t> group;
  /// At most so many, 1 to 256; more than one makes a multi-queue device. nullopt makes one with one queue,
  /// and takes as many as there are workers of a multi-queue device that is there.
  std::optional<unsigned> queues;
  bool operator==(const PersistConfig&) const = default;
};

struct InterfaceConfig {
  Located<std::string> name;
  DeviceType type = DeviceType::kTun;
  /// With host bits: the address and the network that it is on.
  std::vector<Located<net::IpPrefix>> addresses;
  /// UDP, both families; nullopt lets the kernel choose a free port.
  std::optional<std::uint16_t> listen_port;
  Located<KeyFile> private_key_file;
  /// Bytes of the largest inner packet; nullopt finds it out.
  std::optional<std::uint16_t> mtu;
  /// What TCP may announce as its largest segment through the tunnel: bytes, net::kMssOff or
  /// net::kMssFromPath.
  std::uint16_t mss_clamp = 0;
  /// SO_MARK of outer packets; 0 sets none.
  std::uint32_t fwmark = 0;
  /// What the host's programs ask while the interface is up.
  DnsConfig dns{};
  /// Segmentation and receive offloads of tun and UDP.
  AutoOff offload = AutoOff::kAuto;
  /// What tunnelds say to each other beyond WireGuard (docs/extension.md).
  AutoOff extension = AutoOff::kAuto;
  /// Of a tap; nullopt derives one from the private key.
  std::optional<Located<net::MacAddress>> mac_address;
  /// Of a tap.
  std::optional<BridgeConfig> bridge;
  /// The device outlives the daemon; one that is there is taken over.
  std::optional<PersistConfig> persist;
  bool operator==(const InterfaceConfig&) const = default;
};

/// What a server tells its clients. nullopt: not said here.
struct PushConfig {
  /// Networks without host bits; 0.0.0.0/0 and ::/0 are a full tunnel.
  std::optional<std::vector<Located<net::IpPrefix>>> routes;
  std::optional<DnsConfig> dns;
  /// Bytes.
  std::optional<std::uint16_t> mtu;
  /// Whole seconds, 1 to 65535; zero is off.
  std::optional<Duration> keepalive;
  bool operator==(const PushConfig&) const = default;
};

enum class EndpointOrder : std::uint8_t { kInOrder, kRandom };

struct PeerConfig {
  Located<std::string> name;
  Located<crypto::PublicKey> public_key;
  std::optional<Located<KeyFile>> preshared_key_file;
  /// Tried in turn; empty for a peer that always calls first.
  std::vector<Located<PeerEndpoint>> endpoints;
  EndpointOrder endpoint_order = EndpointOrder::kInOrder;
  /// Networks without host bits, unique over all peers.
  std::vector<Located<net::IpPrefix>> allowed_ips;
  /// Stations, unique over all peers. With any, the peer sends from no other. For a tap.
  std::vector<Located<net::MacAddress>> mac_addresses;
  /// Whole seconds, 1 to 65535; nullopt is off.
  std::optional<Duration> persistent_keepalive;
  /// Whether `off` was written, rather than nothing.
  bool keepalive_refused = false;
  /// On a server: the peer's own addresses, which nobody else gets. Unique over all peers.
  std::vector<Located<net::IpAddress>> addresses;
  /// On a server: what this peer is told in place of what all are told, key by key.
  PushConfig push;
  /// A group whose rules hold for it.
  std::optional<Located<std::string>> group;
  /// Rules of its own. A peer with neither reaches everything, one with an empty list nothing.
  std::optional<std::vector<Located<AccessRule>>> allow;
  bool operator==(const PeerConfig&) const = default;
};

/// Routes for the peers' allowed IPs.
struct RoutesConfig {
  /// A routing table of the kernel (RT_TABLE_MAIN is 254); nullopt sets no routes.
  std::optional<std::uint32_t> table = 254;
  /// nullopt leaves the metric to the kernel.
  std::optional<std::uint32_t> metric;
  bool operator==(const RoutesConfig&) const = default;
};

struct CryptoConfig {
  crypto::EngineChoice engine = crypto::EngineChoice::kAuto;
  /// Whether AES-256-GCM may be agreed on with peers that are tunnelds too.
  AutoOff fast_cipher = AutoOff::kAuto;
  bool operator==(const CryptoConfig&) const = default;
};

/// Passing packets between the tunnel and this host's other interfaces.
struct ForwardingConfig {
  bool enabled = false;
  /// Interfaces behind which the clients' addresses are hidden.
  std::vector<Located<std::string>> masquerade;
  bool operator==(const ForwardingConfig&) const = default;
};

/// What a server does for its clients; its presence makes this host one.
struct ServerConfig {
  /// Where clients reach this server, for the configurations that are handed to them.
  std::optional<Located<PeerEndpoint>> endpoint;
  /// Networks without host bits that do not overlap; clients get an address of each family from them.
  std::vector<Located<net::IpPrefix>> pool;
  /// An address that its client has not used for so long may be given to another.
  Duration lease_time = std::chrono::days(30);
  /// What every client is told.
  PushConfig push;
  /// Whether clients reach each other.
  bool client_to_client = false;
  ForwardingConfig forwarding;
  bool operator==(const ServerConfig&) const = default;
};

/// What a client lets its server decide.
struct AcceptConfig {
  bool addresses = true;
  /// Which routes: none, those within `routes_within`, or all but default routes where that is empty.
  bool routes = true;
  std::vector<Located<net::IpPrefix>> routes_within;
  bool default_route = false;
  bool dns = true;
  bool mtu = true;
  bool keepalive = true;
  bool operator==(const AcceptConfig&) const = default;
};

/// What a client takes from its servers; its presence makes this host one.
struct ClientConfig {
  AcceptConfig accept;
  /// Names of the peers that may configure this host; empty: whoever has endpoints.
  std::vector<Located<std::string>> servers;
  /// Nothing leaves but through the tunnel.
  bool kill_switch = false;
  /// Reached outside of the tunnel even so; private or link-local, without host bits.
  std::vector<Located<net::IpPrefix>> local_networks;
  bool operator==(const ClientConfig&) const = default;
};

/// What the peers of a group may reach.
struct GroupConfig {
  Located<std::string> name;
  std::vector<Located<AccessRule>> allow;
  bool operator==(const GroupConfig&) const = default;
};

/// The switch of a tap interface.
struct SwitchConfig {
  bool client_to_client = false;
  /// Whether this host itself believes peers' router advertisements and redirects.
  bool router_advertisements = false;
  /// Whole seconds.
  Duration ageing = std::chrono::seconds(300);
  std::uint32_t addresses = 16384;
  std::uint32_t addresses_per_peer = 1024;
  /// Frames per peer and second; 0 is off.
  std::uint32_t flood_limit = 2000;
  bool operator==(const SwitchConfig&) const = default;
};

struct LogConfig {
  LogLevel level = LogLevel::kInfo;
  bool operator==(const LogConfig&) const = default;
};

/// Equality ignores locations.
struct Config {
  InterfaceConfig interface;
  std::vector<PeerConfig> peers;
  RoutesConfig routes;
  CryptoConfig crypto;
  /// Data workers; nullopt is one per core.
  std::optional<unsigned> workers;
  std::vector<GroupConfig> groups;
  LogConfig log;
  /// Of a tap.
  SwitchConfig ethernet_switch;
  /// At most one of the two; a host with neither is a peer, configured on both sides.
  std::optional<Located<ServerConfig>> server;
  std::optional<Located<ClientConfig>> client;
  bool operator==(const Config&) const = default;
};

}  // namespace tunneld::config
