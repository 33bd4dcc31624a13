// The kinds of change that tunneld makes to the host, as values: said in words, written to the journal, made,
// undone.
//
// A change is first what a plan wishes for. prepare() then adds what only the moment before can tell: the
// interface's index and what was there before. So completed it is journaled, and undo() needs nothing else.
// Equality asks only for the wish, so that two plans can be compared with each other and with what was made.
//
// A new kind is a struct here, its words and JSON in host_change.cc, and its prepare(), apply_change() and
// undo() in host_apply.cc and host_undo.cc. The compiler names what is missing.
//
// How far a change reaches to undo what is not its own:
//   - An interface is the same one only with the same name and index: after a kill the name may belong to
//     somebody else's device. A bridge that we make gets an index of our choice for that, journaled before
//     there is a bridge.
//   - Routes are removed only with our protocol number (net::kRouteProtocol).
//   - Rules have the kernel's (net::kRuleProtocol), which the rules that people and programs make have not:
//     one is removed only if every word of it is the journal's. The kernel makes no such rules itself: see
//     is_our_rule() for those that no journal names.
//   - An nft table is replaced or removed only with our comment in it.
//   - A device that outlives us is put back only while nobody uses it.
//   - A setting is put back only while it still is what we set; otherwise somebody has taken it over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/json.h"
#include "common/net/netlink.h"
#include "common/net/tun_state.h"
#include "daemon/host/changes/forwarding.h"

namespace tunneld::daemon {

/// All our rules are between these, and none of the kernel's: shortly before the main table's 32766.
inline constexpr std::uint32_t kFirstRulePriority = 32500;
inline constexpr std::uint32_t kLastRulePriority = 32709;

struct Interface {
  std::string name;
  /// 0 until prepare().
  std::uint32_t index = 0;
  bool operator==(const Interface& other) const { return name == other.name; }
};

/// Our own device, where it outlives us: its offloads, their header and its flags. net::TunDevice changes
/// them while it opens the device, so that no plan has this; HostChanges::entrust() journals it.
struct DeviceOpened {
  Interface interface;
  net::TunState before{};
  bool operator==(const DeviceOpened& other) const { return interface == other.interface; }
};

/// Our own device's Ethernet address.
struct LinkAddress {
  Interface interface;
  net::MacAddress address;
  /// Matters for a device that outlives us.
  std::optional<net::MacAddress> before = std::nullopt;
  bool operator==(const LinkAddress& other) const {
    return interface == other.interface && address == other.address;
  }
};

/// A bridge of our own, up.
struct BridgeMade {
  Interface bridge;
  bool spanning_tree = false;
  bool operator==(const BridgeMade&) const = default;
};

/// A port of a bridge: our own device, or a member of a bridge of our own, which is also set up.
struct BridgePort {
  Interface interface;
  Interface bridge;
  bool is_member = false;
  /// Whether it was up.
  std::optional<bool> before = std::nullopt;
  bool operator==(const BridgePort& other) const {
    return interface == other.interface && bridge == other.bridge && is_member == other.is_member;
  }
};

/// Our own device: its MTU, and up.
struct LinkUp {
  Interface interface;
  std::uint32_t mtu = 0;
  /// Matters for a device that outlives us; any other takes it all along.
  std::optional<net::LinkSettings> before = std::nullopt;
  /// False: no link-local address of the kernel's making (see host_apply.cc).
  bool link_local = false;
  bool operator==(const LinkUp& other) const {
    return interface == other.interface && mtu == other.mtu && link_local == other.link_local;
  }
};

struct AddressAdded {
  Interface interface;
  net::IpPrefix address;
  bool operator==(const AddressAdded&) const = default;
};

struct RouteAdded {
  Interface interface;
  net::IpPrefix destination;
  std::uint32_t table = net::kMainTable;
  std::optional<std::uint32_t> metric = std::nullopt;
  bool operator==(const RouteAdded&) const = default;
};

struct RuleAdded {
  /// Its protocol is net::kRuleProtocol whatever stands here.
  net::Rule rule;
  bool operator==(const RuleAdded&) const = default;
};

struct SysctlSet {
  /// As a path below /proc/sys, so that interface names may have dots: "net/ipv4/conf/eth0.5/forwarding".
  std::string name;
  std::string value;
  std::optional<std::string> before = std::nullopt;
  /// A host that lacks the setting needs none, and one that may not be changed (a container with a read-only
  /// /proc/sys) is a warning.
  bool is_wish = false;
  bool operator==(const SysctlSet& other) const { return name == other.name && value == other.value; }
};

/// The host passes packets of a family from one interface to another.
struct ForwardingOn {
  net::Family family = net::Family::kIpv4;
  /// The tunnel's own: no peer becomes this host's router. Asked for only while the change is prepared.
  std::string own_interface{};
  SysctlValues before{};
  bool operator==(const ForwardingOn& other) const { return family == other.family; }
};

/// A table of the inet family, all of it ours. Another of the same name takes its place in one transaction.
struct NftTable {
  std::string name;
  /// What stands in the table's braces, one statement a line. Not journaled: the name suffices to undo it.
  std::string rules;
  /// Holds when a run dies, and until the next one has its own in place (see HostChanges).
  bool fail_closed = false;
  bool operator==(const NftTable&) const = default;
};

/// What comes out of a tap that is a port of a bridge, on its way to this host itself; machines on the bridge
/// get it all. A table of the bridge family, with the name of our table of the inet family.
struct BridgeFilter {
  Interface interface;
  /// No peer becomes this host's router by advertisements or redirects.
  bool no_routers = false;
  /// Nothing that a peer sent leaves by the tap again.
  bool isolates = false;
  bool operator==(const BridgeFilter&) const = default;
};

enum class DnsKeeper : std::uint8_t { kNobody, kResolved, kResolvconf, kFile };

/// Name servers and search domains for the host's programs, while the interface is up.
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
};

using HostChange =
    std::variant<DeviceOpened, LinkAddress, BridgeMade, BridgePort, LinkUp, AddressAdded, RouteAdded,
                 RuleAdded, SysctlSet, ForwardingOn, NftTable, BridgeFilter, DnsSet>;

/// Whether the tunnel is worth having without it: then a failure is a warning.
[[nodiscard]] bool can_do_without(const HostChange& change);

/// The device that it is about; nullptr where there is none.
[[nodiscard]] const Interface* interface_of(const HostChange& change);
[[nodiscard]] Interface* interface_of(HostChange& change);

/// Whether `wanted` is the same thing as `made` with other content, so that it can be made in its place
/// without a moment between; if so, takes over from it what was there before both.
[[nodiscard]] bool takes_place_of(HostChange& wanted, const HostChange& made);

/// For a rule that no journal names. The kernel's own have the priorities 0, 1000 (VRF), 32766 and 32767
/// (net/ipv4/fib_rules.c, drivers/net/vrf.c), and nobody else makes rules in its name.
[[nodiscard]] bool is_our_rule(const net::Rule& rule);

/// One line for `check --plan` and the log: "route 10.20.0.0/16 dev tun0".
[[nodiscard]] std::string in_words(const HostChange& change);
[[nodiscard]] Json to_json(const HostChange& change);
/// nullopt for a kind or shape that this version does not know.
[[nodiscard]] std::optional<HostChange> from_json(const Json& json);

enum class Preparation : std::uint8_t {
  kReady,
  kAlreadyThere,  // exactly this, by somebody else: theirs, not to be undone
};
/// Throws NetlinkError or std::system_error.
[[nodiscard]] Preparation prepare(HostChange& change, net::Netlink& netlink);

/// Whether the host is so already, whoever made it so. Throws NetlinkError or std::system_error.
[[nodiscard]] bool is_as_wished(const HostChange& change, net::Netlink& netlink);

/// Throws NetlinkError or std::system_error; kExists: somebody else's is in the way, and nothing was changed.
void apply_change(const HostChange& change, net::Netlink& netlink);

enum class Undone : std::uint8_t {
  kDone,
  kDeviceGone,  // together with the device
  kNotOurs,     // removed or changed by somebody else meanwhile: left alone
};
/// May be repeated. Throws NetlinkError or std::system_error: still there.
[[nodiscard]] Undone undo(const HostChange& change, net::Netlink& netlink);

}  // namespace tunneld::daemon
