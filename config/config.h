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
  /// For the interface's own dns only: the user confirms that the host's resolver serves tunneld's network
  /// namespace.
  bool own_resolver = false;
  bool operator==(const DnsConfig&) const = default;
};

/// The bridge that the tap joins.
struct BridgeConfig {
  Located<std::string> name;
  /// True: tunneld creates the bridge with `members` and `stp` and removes it at the end. False: the bridge
  /// exists already.
  bool create = false;
  /// Other interfaces that join the bridge.
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
  /// The user and group that may open the device later without CAP_NET_ADMIN.
  std::optional<std::uint32_t> owner;
  std::optional<std::uint32_t> group;
  /// The most queues, 1 to 256; more than one makes a multi-queue device. nullopt creates a device with one
  /// queue; of an existing multi-queue device, it uses one queue per worker.
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
  /// Bytes of the largest inner packet; nullopt: measured (path MTU discovery).
  std::optional<std::uint16_t> mtu;
  /// The largest MSS that TCP may announce through the tunnel: bytes, net::kMssOff or net::kMssFromPath.
  std::uint16_t mss_clamp = 0;
  /// SO_MARK of outer packets; 0 sets none.
  std::uint32_t fwmark = 0;
  /// Name servers of the host while the interface is up.
  DnsConfig dns{};
  /// Segmentation and receive offloads of tun and UDP.
  AutoOff offload = AutoOff::kAuto;
  /// What tunnelds say to each other beyond WireGuard (docs/extension.md).
  AutoOff extension = AutoOff::kAuto;
  /// For a tap; nullopt derives one from the private key.
  std::optional<Located<net::MacAddress>> mac_address;
  /// For a tap.
  std::optional<BridgeConfig> bridge;
  /// The device outlives the daemon; an existing one is taken over.
  std::optional<PersistConfig> persist;
  /// Members of this group may read the status. nullopt: only root and the daemon's own user.
  std::optional<std::uint32_t> status_group;
  bool operator==(const InterfaceConfig&) const = default;
};

/// What a server tells its clients. nullopt: not set at this level.
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
  /// For a tap: MAC addresses, unique over all peers. A peer that has some may send from these only.
  std::vector<Located<net::MacAddress>> mac_addresses;
  /// Whole seconds, 1 to 65535; nullopt is off.
  std::optional<Duration> persistent_keepalive;
  /// Whether `off` was written, rather than nothing.
  bool keepalive_refused = false;
  /// On a server: addresses reserved for this peer. Unique over all peers.
  std::vector<Located<net::IpAddress>> addresses;
  /// On a server: overrides of `server.push` for this peer, key by key.
  PushConfig push;
  /// A group whose rules apply to it.
  std::optional<Located<std::string>> group;
  /// Rules of its own. A peer with neither rules nor group reaches everything; one with an empty list reaches
  /// nothing.
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
  /// Whether AES-256-GCM may be negotiated with peers that run tunneld, too.
  AutoOff fast_cipher = AutoOff::kAuto;
  bool operator==(const CryptoConfig&) const = default;
};

/// Forwarding between the tunnel and this host's other interfaces.
struct ForwardingConfig {
  bool enabled = false;
  /// Interfaces on which the clients' addresses are masqueraded (source NAT).
  std::vector<Located<std::string>> masquerade;
  bool operator==(const ForwardingConfig&) const = default;
};

/// What a server does for its clients. A host that has this section is a server.
struct ServerConfig {
  /// The endpoint that `client add` writes into clients' configurations.
  std::optional<Located<PeerEndpoint>> endpoint;
  /// Networks without host bits that do not overlap. Each client gets one address of each family.
  std::vector<Located<net::IpPrefix>> pool;
  /// After this time without use, an address may be leased to another client.
  Duration lease_time = std::chrono::days(30);
  /// Pushed to every client.
  PushConfig push;
  /// Whether clients can reach each other.
  bool client_to_client = false;
  ForwardingConfig forwarding;
  bool operator==(const ServerConfig&) const = default;
};

/// What a client accepts of its server's push.
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

/// What a client takes from its server. A host that has this section is a client.
struct ClientConfig {
  AcceptConfig accept;
  /// Names of the peers that may configure this host; empty: all peers that have endpoints.
  std::vector<Located<std::string>> servers;
  /// Nothing leaves but through the tunnel.
  bool kill_switch = false;
  /// Still reached outside of the tunnel; private or link-local networks without host bits.
  std::vector<Located<net::IpPrefix>> local_networks;
  bool operator==(const ClientConfig&) const = default;
};

/// Access rules of a group of peers.
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
  /// For a tap.
  SwitchConfig ethernet_switch;
  /// At most one of the two; a host with neither is a peer, configured on both sides.
  std::optional<Located<ServerConfig>> server;
  std::optional<Located<ClientConfig>> client;
  bool operator==(const Config&) const = default;
};

}  // namespace tunneld::config
