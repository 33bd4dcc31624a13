// `interface:`: the device, its addresses, and the UDP port.

#include <algorithm>
#include <limits>
#include <set>

#include "common/net/mss_clamp.h"
#include "config/accounts.h"
#include "config/names.h"
#include "config/scalars.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

constexpr std::array kDeviceTypes{Word<DeviceType>{"tun", DeviceType::kTun},
                                  Word<DeviceType>{"tap", DeviceType::kTap}};

constexpr std::string_view kInterfaceNameValues = "1 to 15 letters, digits or _=+.-";

std::optional<Located<std::string>> read_device_name(const Node& node) {
  const auto name = node.text(kInterfaceNameValues);
  if (!name) return std::nullopt;
  if (!is_interface_name(*name)) {
    node.error_expected(kInterfaceNameValues, "a name like tun0");
  } else if (!is_device_name(*name)) {
    node.error("the kernel uses the interface name " + in_quotes(*name) + " itself",
               "choose a name like tun0");
  } else {
    return Located<std::string>{*name, node.at()};
  }
  return std::nullopt;
}

std::vector<Located<net::IpPrefix>> read_addresses(const Node& node) {
  std::vector<Located<net::IpPrefix>> addresses;
  std::set<net::IpAddress> seen;
  for (const Node& item : node.items("a list of addresses")) {
    const auto prefix = read_prefix(item);
    if (!prefix) continue;
    const net::IpAddress& address = prefix->value.address;
    const std::uint8_t first = address.bytes()[0];
    const bool is_multicast = address.is_v4() ? first >= 224 : first == 0xff;
    if (address.is_unspecified() || is_multicast) {
      item.error(in_quotes(prefix->value.to_string()) + " is no address that an interface can have",
                 "give the interface an address of its own, like 10.8.0.1/24");
    } else if (!seen.insert(address).second) {
      item.error("the address " + address.to_string() + " is listed twice", "remove one");
    } else {
      addresses.push_back(*prefix);
    }
  }
  return addresses;
}

constexpr std::string_view kListenPortValues = "auto or a port from 1 to 65535";

std::optional<std::uint16_t> read_listen_port(const Node& node) {
  if (node.is("auto")) return std::nullopt;
  const auto port = node.number(1, std::numeric_limits<std::uint16_t>::max(), kListenPortValues);
  return port ? std::optional(static_cast<std::uint16_t>(*port)) : std::nullopt;
}

constexpr std::string_view kMtuOrAutoValues = "auto or a size from 576 to 65475 bytes";

std::optional<std::uint16_t> read_mtu_or_auto(const Node& node) {
  return node.is("auto") ? std::nullopt : read_mtu(node, kMtuOrAutoValues);
}

constexpr std::string_view kMssValues = "auto, off or a segment size from 536 to 65475 bytes";

std::optional<std::uint16_t> read_mss_clamp(const Node& node) {
  if (node.is("off")) return net::kMssOff;
  if (node.is("auto")) return net::kMssFromPath;
  const auto mss = node.number(net::kLeastMss, kLargestMtu, kMssValues);
  return mss ? std::optional(static_cast<std::uint16_t>(*mss)) : std::nullopt;
}

std::string show_mss_clamp(std::uint16_t mss) {
  return mss == net::kMssFromPath ? "auto" : kOrOff(mss);
}
static_assert(net::kMssOff == 0);

constexpr std::string_view kMarkValues = "off or a mark from 1 to 0xffffffff";

std::optional<std::uint32_t> read_fwmark(const Node& node) {
  if (node.is("off")) return 0;
  const auto text = node.text(kMarkValues);
  if (!text) return std::nullopt;
  const auto mark = parse_mark(*text);
  if (mark && *mark != 0 && *mark <= std::numeric_limits<std::uint32_t>::max()) {
    return static_cast<std::uint32_t>(*mark);
  }
  node.error_expected(kMarkValues);
  return std::nullopt;
}

constexpr Option<InterfaceConfig> kInterfaceOptions[] = {
    {.key = "name",
     .values = kInterfaceNameValues,
     .required = "add a line like 'name: tun0'",
     .reload = Reload::kNeedsRestart,
     .wg_quick = "the file's name",
     .value = value<&InterfaceConfig::name, read_device_name>()},
    {.key = "type", .reload = Reload::kNeedsRestart, .value = choice<&InterfaceConfig::type, kDeviceTypes>()},
    {.key = "mac_address",
     .values = "an Ethernet address",
     .unset = "derived",
     .value = value<&InterfaceConfig::mac_address, read_mac_address>()},
    {.key = "bridge",
     .values = "an interface, or a mapping",
     .unset = "none",
     .reload = Reload::kNeedsRestart,
     .value = section<&InterfaceConfig::bridge, bridge_options, read_bridge, show_bridge>()},
    {.key = "persist",
     .values = "true, false or a mapping",
     .reload = Reload::kNeedsRestart,
     .value = section<&InterfaceConfig::persist, persist_options, read_short_persist, show_persist>()},
    {.key = "addresses",
     .values = "a list of addresses with prefix length",
     .wg_quick = "Address",
     .value = value<&InterfaceConfig::addresses, read_addresses>()},
    {.key = "listen_port",
     .values = kListenPortValues,
     .reload = Reload::kNeedsRestart,
     .wg_quick = "ListenPort",
     .value = value<&InterfaceConfig::listen_port, read_listen_port, kOrAuto>()},
    {.key = "private_key_file",
     .values = kKeyFileValues,
     .required = "make a key with `tunneld genkey -o FILE` and name the file",
     .wg_quick = "PrivateKey",
     .value = value<&InterfaceConfig::private_key_file, read_key_file>()},
    {.key = "mtu",
     .values = kMtuOrAutoValues,
     .wg_quick = "MTU",
     .value = value<&InterfaceConfig::mtu, read_mtu_or_auto, kOrAuto>()},
    {.key = "mss_clamp",
     .values = kMssValues,
     .value = value<&InterfaceConfig::mss_clamp, read_mss_clamp, show_mss_clamp>()},
    {.key = "fwmark",
     .values = kMarkValues,
     .wg_quick = "FwMark",
     .value = value<&InterfaceConfig::fwmark, read_fwmark, kOrOff>()},
    {.key = "dns",
     .values = "a mapping",
     .unset = "none",
     .wg_quick = kByItsOptions,
     .value = section<&InterfaceConfig::dns, dns_options>()},
    {.key = "offload",
     .reload = Reload::kNeedsRestart,
     .value = choice<&InterfaceConfig::offload, kAutoOff>()},
    {.key = "extension",
     .reload = Reload::kNeedsRestart,
     .value = choice<&InterfaceConfig::extension, kAutoOff>()},
    {.key = "status_group",
     .values = kGroupValues,
     .unset = "none",
     .value = value<&InterfaceConfig::status_group, read_group>()},
};

}  // namespace

Options<InterfaceConfig> interface_options() {
  return kInterfaceOptions;
}

}  // namespace tunneld::config
