// The kinds of change that tunneld makes to the host, as values: said in words, written to the journal, done,
// undone.
//
// A new kind (nft table, resolver, sysctl) is a struct with these five functions and a place in the variant.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/net/ip_address.h"
#include "common/net/netlink.h"

namespace tunneld::daemon {

/// Our own device's MTU and state. Undone by the kernel when the device goes with its file descriptor.
struct LinkUp {
  std::string interface;
  std::uint32_t mtu = 0;
  bool operator==(const LinkUp&) const = default;
};

struct AddressAdded {
  std::string interface;
  net::IpPrefix address;
  bool operator==(const AddressAdded&) const = default;
};

struct RouteAdded {
  std::string interface;
  net::IpPrefix destination;
  std::uint32_t table = 254;
  std::optional<std::uint32_t> metric;
  bool operator==(const RouteAdded&) const = default;
};

using HostChange = std::variant<LinkUp, AddressAdded, RouteAdded>;

/// One line for `check --plan` and the log: "route 10.20.0.0/16 dev tun0".
[[nodiscard]] std::string in_words(const HostChange& change);
[[nodiscard]] nlohmann::json to_json(const HostChange& change);
/// nullopt for a kind or shape that this version does not know.
[[nodiscard]] std::optional<HostChange> from_json(const nlohmann::json& json);

/// Throws NetlinkError; then nothing was changed.
void apply(const HostChange& change, net::Netlink& netlink);
/// What is gone already is fine. Throws NetlinkError.
void undo(const HostChange& change, net::Netlink& netlink);

}  // namespace tunneld::daemon
