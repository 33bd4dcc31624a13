// `interface:`: the device, its addresses, and the UDP port.

#include <algorithm>
#include <limits>
#include <set>

#include "common/net/mss_clamp.h"
#include "config/names.h"
#include "config/scalars.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

// RFC 791: every host takes datagrams of 576 bytes. RFC 8200: every IPv6 link carries 1280 (checked across
// sections).
constexpr std::uint64_t kSmallestMtu = 576;
// What is left of the largest UDP datagram over IPv4: 65535 - 20 (IP) - 8 (UDP) - 32 (WireGuard's header and
// tag).
constexpr std::uint64_t kLargestMtu = 65475;

constexpr std::array kTypes{Word<DeviceType>{"tun", DeviceType::kTun},
                            Word<DeviceType>{"tap", DeviceType::kTap}};
constexpr std::array kAutoOff{Word<AutoOff>{"auto", AutoOff::kAuto}, Word<AutoOff>{"off", AutoOff::kOff}};

void read_name(const Node& node, InterfaceConfig& interface) {
  const std::string_view expected = "1 to 15 letters, digits or _=+.-";
  const auto name = node.text(expected);
  if (!name) return;
  if (!is_interface_name(*name)) {
    node.error_expected(expected, "a name like tun0");
  } else if (*name == "lo" || *name == "all" || *name == "default") {
    node.error("the kernel uses the interface name " + in_quotes(*name) + " itself",
               "choose a name like tun0");
  } else {
    interface.name = {*name, node.at()};
  }
}

void read_addresses(const Node& node, InterfaceConfig& interface) {
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
      interface.addresses.push_back(*prefix);
    }
  }
}

void read_listen_port(const Node& node, InterfaceConfig& interface) {
  if (node.is("auto")) return;
  const auto port =
      node.number(1, std::numeric_limits<std::uint16_t>::max(), "auto or a port from 1 to 65535");
  if (port) interface.listen_port = static_cast<std::uint16_t>(*port);
}

void read_mtu(const Node& node, InterfaceConfig& interface) {
  if (node.is("auto")) return;
  const std::string_view expected = "auto or a size from 576 to 65475 bytes";
  const auto text = node.text(expected);
  if (!text) return;
  const auto size = parse_size(*text);
  if (!size || *size < kSmallestMtu || *size > kLargestMtu) {
    node.error_expected(expected);
    return;
  }
  interface.mtu = static_cast<std::uint16_t>(*size);
}

void read_mss_clamp(const Node& node, InterfaceConfig& interface) {
  if (node.is("off")) return;
  if (node.is("auto")) {
    interface.mss_clamp = net::kMssFromPath;
  } else if (const auto mss = node.number(net::kLeastMss, kLargestMtu,
                                          "auto, off or a segment size from 536 to 65475 bytes")) {
    interface.mss_clamp = static_cast<std::uint16_t>(*mss);
  }
}

void read_fwmark(const Node& node, InterfaceConfig& interface) {
  if (node.is("off")) return;
  const std::string_view expected = "off or a mark from 1 to 0xffffffff";
  const auto text = node.text(expected);
  if (!text) return;
  const auto mark = parse_mark(*text);
  if (!mark || *mark == 0 || *mark > std::numeric_limits<std::uint32_t>::max()) {
    node.error_expected(expected);
    return;
  }
  interface.fwmark = static_cast<std::uint32_t>(*mark);
}

}  // namespace

InterfaceConfig read_interface(const Node& node, const Directory& directory) {
  InterfaceConfig interface;
  Mapping keys(node);
  if (const auto name = keys.require("name", "add a line like 'name: tun0'")) read_name(*name, interface);
  if (const auto type = keys.find("type")) interface.type = type->choice(kTypes).value_or(DeviceType::kTun);
  if (const auto address = keys.find("mac_address")) interface.mac_address = read_mac_address(*address);
  if (const auto bridge = keys.find("bridge")) interface.bridge = read_bridge(*bridge);
  if (const auto persist = keys.find("persist")) interface.persist = read_persist(*persist);
  if (const auto addresses = keys.find("addresses")) read_addresses(*addresses, interface);
  if (const auto port = keys.find("listen_port")) read_listen_port(*port, interface);
  if (const auto file =
          keys.require("private_key_file", "make a key with `tunneld genkey -o FILE` and name the file")) {
    interface.private_key_file = read_key_file(*file, directory).value_or(Located<KeyFile>());
  }
  if (const auto mtu = keys.find("mtu")) read_mtu(*mtu, interface);
  if (const auto mss = keys.find("mss_clamp")) read_mss_clamp(*mss, interface);
  if (const auto fwmark = keys.find("fwmark")) read_fwmark(*fwmark, interface);
  if (const auto dns = keys.find("dns")) interface.dns = read_dns(*dns, DnsOf::kInterface);
  if (const auto offload = keys.find("offload"))
    interface.offload = offload->choice(kAutoOff).value_or(AutoOff::kAuto);
  if (const auto extension = keys.find("extension"))
    interface.extension = extension->choice(kAutoOff).value_or(AutoOff::kAuto);
  keys.refuse("private_key",
              "keys are kept in files: write it to a file of mode 0600 and name that in "
              "'private_key_file'");
  keys.finish();
  return interface;
}

}  // namespace tunneld::config
