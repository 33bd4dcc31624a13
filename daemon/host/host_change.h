// A change of any kind that tunneld makes to the host: described in words, written to the journal, made,
// compared and undone.
//
// A new kind is a file beside the others in changes/ (changes/kind.h says what it has to have), its #include
// here, and its place in HostChange. Everything else works for all of them.
#pragma once

#include <optional>
#include <string>

#include "daemon/host/changes/address.h"
#include "daemon/host/changes/bridge.h"
#include "daemon/host/changes/bridge_port.h"
#include "daemon/host/changes/device.h"
#include "daemon/host/changes/dns.h"
#include "daemon/host/changes/forwarding.h"
#include "daemon/host/changes/kind.h"
#include "daemon/host/changes/link.h"
#include "daemon/host/changes/link_address.h"
#include "daemon/host/changes/nft_table.h"
#include "daemon/host/changes/route.h"
#include "daemon/host/changes/rule.h"
#include "daemon/host/changes/sysctl.h"
#include "daemon/host/changes/tap_filter.h"

namespace tunneld::daemon {

/// In the order of a plan and of repairs: rules before anything that lets packets in, and the link before routes,
/// which the kernel accepts only on a link that is up.
using HostChange = OneOf<DeviceOpened, NftTable, TapFilter, BridgeMade, LinkAddress, BridgePort, LinkUp,
                         AddressAdded, RouteAdded, RuleAdded, SysctlSet, ForwardingOn, DnsSet>;

/// Whether the tunnel is useful without it: then a failure is only a warning.
[[nodiscard]] bool can_do_without(const HostChange& change);

/// The device that it changes; nullptr: none.
[[nodiscard]] const Interface* interface_of(const HostChange& change);
[[nodiscard]] Interface* interface_of(HostChange& change);

/// Whether `wanted` is the same thing as `made` with other content, so that it can replace it without a gap;
/// if so, takes over from `made` what was there before both.
[[nodiscard]] bool takes_place_of(HostChange& wanted, const HostChange& made);

/// One line for `check --plan` and the log: "route 10.20.0.0/16 dev tun0".
[[nodiscard]] std::string in_words(const HostChange& change);
/// The command with which root can do it before tunneld starts; empty if there is none.
[[nodiscard]] std::string command_of(const HostChange& change);
[[nodiscard]] Json to_json(const HostChange& change);
/// nullopt for a kind or shape that this version does not know.
[[nodiscard]] std::optional<HostChange> from_json(const Json& json);

/// Throws NetlinkError or std::system_error.
[[nodiscard]] Preparation prepare(HostChange& change, net::Netlink& netlink);

/// Whether the host is so already, whoever made it so. Throws NetlinkError or std::system_error.
[[nodiscard]] bool is_as_wished(const HostChange& change, net::Netlink& netlink);

/// Throws NetlinkError or std::system_error; kExists: somebody else's is in the way, and nothing was changed.
void apply_change(const HostChange& change, net::Netlink& netlink);

/// Of a change that is an nft table, as the kernel has it now.
[[nodiscard]] std::optional<net::NftTableState> table_of(const HostChange& change);
/// `made` is complete (see prepare()). `table`: of an nft table, as it was made; nullopt: not known. Throws
/// NetlinkError or std::system_error.
[[nodiscard]] Standing standing_of(const HostChange& made, HostState& now,
                                   const std::optional<net::NftTableState>& table = std::nullopt);

/// Undoes only what is still ours; may be repeated. Throws NetlinkError or std::system_error: still there.
[[nodiscard]] Undone undo(const HostChange& change, net::Netlink& netlink);

}  // namespace tunneld::daemon
