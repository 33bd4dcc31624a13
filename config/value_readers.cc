// Values that several sections have: key files, networks, sizes, keepalives.

#include <filesystem>

#include "config/scalars.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

constexpr std::string_view kCredential = "credential:";

/// A valid name of a systemd credential: one file name.
bool is_credential_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos;
}

}  // namespace

std::optional<std::uint16_t> read_mtu(const Node& node, std::string_view expected) {
  const auto text = node.text(expected);
  if (!text) return std::nullopt;
  const auto size = parse_size(*text);
  if (size && *size >= kSmallestMtu && *size <= kLargestMtu) return static_cast<std::uint16_t>(*size);
  node.error_expected(expected);
  return std::nullopt;
}

std::vector<Located<net::IpPrefix>> read_networks(const Node& node, std::string_view example) {
  std::vector<Located<net::IpPrefix>> networks;
  for (const Node& item : node.items("a list of networks like [" + std::string(example) + "]")) {
    const auto prefix = read_prefix(item);
    if (!prefix) continue;
    if (prefix->value.has_host_bits()) {
      item.error(in_quotes(item.yaml().scalar) + " has bits set behind its prefix length",
                 "did you mean " + prefix->value.network().to_string() + "?");
      continue;
    }
    networks.push_back(*prefix);
  }
  return networks;
}

std::optional<Duration> read_keepalive(const Node& node) {
  if (node.is("off")) return Duration::zero();
  const auto text = node.text(kKeepaliveValues);
  if (!text) return std::nullopt;
  const auto duration = parse_duration(*text);
  const bool is_whole = duration && *duration % std::chrono::seconds(1) == Duration::zero();
  if (!is_whole || *duration < std::chrono::seconds(1) || *duration > std::chrono::seconds(65535)) {
    node.error_expected(kKeepaliveValues, parse_number(*text) ? "add the unit: " + *text + "s" : "");
    return std::nullopt;
  }
  return duration;
}

void refuse_key_itself(Mapping& keys, std::string_view key_file) {
  keys.refuse(key_file.substr(0, key_file.rfind('_')),
              "keys are kept in files: write it to a file of mode 0600 and name that in '" +
                  std::string(key_file) + "'");
}

std::string show_keepalive(const std::optional<Duration>& interval) {
  if (!interval) return {};
  return *interval > Duration::zero() ? to_yaml(*interval) : "off";
}

std::optional<Located<KeyFile>> read_key_file(const Node& node) {
  // A key pasted where its file's name belongs must not be repeated in a message.
  if (node.yaml().kind == YamlNode::Kind::kScalar && crypto::PublicKey::from_base64(node.yaml().scalar)) {
    node.error("'" + node.label() + "' holds a key instead of a file's name",
               "write the key to a file of mode 0600, name the file here, and make a new key if others saw "
               "this one");
    return std::nullopt;
  }
  const auto text = node.text(kKeyFileValues);
  if (!text) return std::nullopt;
  if (text->starts_with(kCredential)) {
    const std::string name = text->substr(kCredential.size());
    if (!is_credential_name(name)) {
      node.error("'" + node.label() + "' names no credential", "write credential:NAME, without slashes");
      return std::nullopt;
    }
    return Located<KeyFile>{{name, true}, node.at()};
  }
  const std::filesystem::path path = std::filesystem::path(node.source().directory) / *text;
  return Located<KeyFile>{{path.lexically_normal().string(), false}, node.at()};
}

std::string to_yaml(const KeyFile& file) {
  return yaml_scalar(file.is_credential ? std::string(kCredential) + file.name : file.name);
}

std::optional<Located<net::IpPrefix>> read_prefix(const Node& node) {
  const std::string_view expected = "a list of addresses like 10.0.0.1/24 or \"fd00::1/64\"";
  const auto text = node.text(expected);
  if (!text) return std::nullopt;
  const auto prefix = net::IpPrefix::parse(*text);
  if (!prefix) {
    node.error(in_quotes(*text) + " in '" + node.label() + "' is no address with a prefix length",
               "write it like 10.0.0.1/24 or \"fd00::1/64\"");
    return std::nullopt;
  }
  return Located<net::IpPrefix>{*prefix, node.at()};
}

std::optional<Located<net::MacAddress>> read_mac_address(const Node& node) {
  const std::string_view expected = "an Ethernet address like \"02:00:5e:10:00:01\"";
  const auto text = node.text(expected);
  if (!text) return std::nullopt;
  const auto address = net::MacAddress::parse(*text);
  if (!address) {
    node.error(in_quotes(*text) + " in '" + node.label() + "' is no Ethernet address",
               "write it like \"02:00:5e:10:00:01\"");
    return std::nullopt;
  }
  if (!address->is_station()) {
    node.error(in_quotes(*text) + " in '" + node.label() + "' is no address that one card can have",
               "the first byte of one is even, and it is not all zeros");
    return std::nullopt;
  }
  return Located<net::MacAddress>{*address, node.at()};
}

}  // namespace tunneld::config
