// Values that several sections have: key files, networks, keepalives, yes or no.

#include <filesystem>

#include "config/scalars.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

constexpr std::string_view kCredential = "credential:";
constexpr std::string_view kExpectedKeyFile = "the name of a file, or credential:NAME";

/// What systemd accepts as a credential's name: one file name.
bool is_credential_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos;
}

constexpr std::array kBools{Word<bool>{"true", true}, Word<bool>{"false", false}};
constexpr std::string_view kExpectedKeepalive = "off or a time of whole seconds from 1s to 65535s";

}  // namespace

std::optional<bool> read_bool(const Node& node) {
  return node.choice(kBools);
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
  const auto text = node.text(kExpectedKeepalive);
  if (!text) return std::nullopt;
  const auto duration = parse_duration(*text);
  const bool is_whole = duration && *duration % std::chrono::seconds(1) == Duration::zero();
  if (!is_whole || *duration < std::chrono::seconds(1) || *duration > std::chrono::seconds(65535)) {
    node.error_expected(kExpectedKeepalive, parse_number(*text) ? "add the unit: " + *text + "s" : "");
    return std::nullopt;
  }
  return duration;
}

std::optional<Located<KeyFile>> read_key_file(const Node& node, const Directory& directory) {
  // A key pasted where its file's name belongs must not be repeated in a message.
  if (node.yaml().kind == YamlNode::Kind::kScalar && crypto::PublicKey::from_base64(node.yaml().scalar)) {
    node.error("'" + node.label() + "' holds a key instead of a file's name",
               "write the key to a file of mode 0600, name the file here, and make a new key if others saw "
               "this one");
    return std::nullopt;
  }
  const auto text = node.text(kExpectedKeyFile);
  if (!text) return std::nullopt;
  if (text->starts_with(kCredential)) {
    const std::string name = text->substr(kCredential.size());
    if (!is_credential_name(name)) {
      node.error("'" + node.label() + "' names no credential", "write credential:NAME, without slashes");
      return std::nullopt;
    }
    return Located<KeyFile>{{name, true}, node.at()};
  }
  const std::filesystem::path path = std::filesystem::path(directory.path) / *text;
  return Located<KeyFile>{{path.lexically_normal().string(), false}, node.at()};
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
