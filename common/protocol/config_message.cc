#include "common/protocol/config_message.h"

#include <limits>

#include "common/json.h"
#include "common/net/address_class.h"
#include "common/net/dns_name.h"

namespace tunneld::protocol {
namespace {

constexpr std::size_t kMostAddresses = 8;
constexpr std::size_t kMostRoutes = 128;
constexpr std::size_t kMostDnsServers = 8;
constexpr std::size_t kMostSearchDomains = 16;
constexpr std::uint64_t kSmallestMtu = 576;

template <typename T>
Json texts(const std::vector<T>& items) {
  Json list = Json::array();
  for (const T& item : items) list.push_back(item.to_string());
  return list;
}

/// A list of texts under `key`, each read by `parse`; a missing list is empty. False if anything is wrong.
template <typename T, typename Parse>
bool take_list(const Json& body, const char* key, std::size_t most, std::vector<T>& out, Parse parse) {
  const auto found = body.find(key);
  if (found == nullptr) return true;
  if (!found->is_array() || found->size() > most) return false;
  for (const Json& item : *found) {
    if (!item.is_string()) return false;
    std::optional<T> value = parse(item.get_ref<std::string>());
    if (!value) return false;
    out.push_back(std::move(*value));
  }
  return true;
}

/// A missing key sets `number` to nullopt. False unless the value is a number from `lowest` to `highest`.
bool take_number(const Json& body, const char* key, std::uint64_t lowest, std::uint64_t highest,
                 std::optional<std::uint64_t>& number) {
  const auto found = body.find(key);
  if (found == nullptr) return true;
  if (!found->is_number_unsigned()) return false;
  number = found->get<std::uint64_t>();
  return *number >= lowest && *number <= highest;
}

std::optional<net::IpAddress> host_address(const std::string& text) {
  const auto address = net::IpAddress::parse(text);
  return address && net::is_host_address(*address) ? address : std::nullopt;
}

std::optional<net::IpPrefix> network(const std::string& text) {
  const auto prefix = net::IpPrefix::parse(text);
  return prefix && net::is_routable_network(*prefix) ? prefix : std::nullopt;
}

std::optional<std::string> dns_name(const std::string& text) {
  return net::is_dns_name(text) && !text.ends_with('.') ? std::optional(text) : std::nullopt;
}

}  // namespace

ControlFrame ConfigMessage::to_frame() const {
  Json body{{"serial", serial}};
  if (refusal) {
    body["refused"] = *refusal == Refusal::kExhausted ? "exhausted" : "storage";
    return {FrameType::kConfig, std::move(body)};
  }
  body["addresses"] = texts(addresses);
  if (!routes.empty()) body["routes"] = texts(routes);
  if (!dns_servers.empty()) body["dns_servers"] = texts(dns_servers);
  if (!dns_search.empty()) body["dns_search"] = dns_search;
  if (mtu) body["mtu"] = *mtu;
  if (keepalive) body["keepalive"] = *keepalive;
  body["lifetime"] = lifetime;
  return {FrameType::kConfig, std::move(body)};
}

std::optional<ConfigMessage> ConfigMessage::from(const ControlFrame& frame) {
  if (frame.type != FrameType::kConfig) return std::nullopt;
  const Json& body = frame.body;
  constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();
  ConfigMessage message;
  std::optional<std::uint64_t> serial;
  if (!take_number(body, "serial", 1, kAny, serial) || !serial) return std::nullopt;
  message.serial = *serial;
  if (const Json* const refused = body.find("refused")) {
    if (!refused->is_string()) return std::nullopt;
    message.refusal = *refused == "storage" ? Refusal::kStorage : Refusal::kExhausted;
    return message;
  }
  std::optional<std::uint64_t> mtu, keepalive, lifetime;
  const bool fits = take_list(body, "addresses", kMostAddresses, message.addresses, host_address) &&
                    take_list(body, "routes", kMostRoutes, message.routes, network) &&
                    take_list(body, "dns_servers", kMostDnsServers, message.dns_servers, host_address) &&
                    take_list(body, "dns_search", kMostSearchDomains, message.dns_search, dns_name) &&
                    take_number(body, "mtu", kSmallestMtu, std::numeric_limits<std::uint16_t>::max(), mtu) &&
                    take_number(body, "keepalive", 0, std::numeric_limits<std::uint16_t>::max(), keepalive) &&
                    take_number(body, "lifetime", 1, std::numeric_limits<std::uint32_t>::max(), lifetime);
  if (!fits || !lifetime) return std::nullopt;
  if (mtu) message.mtu = static_cast<std::uint16_t>(*mtu);
  if (keepalive) message.keepalive = static_cast<std::uint16_t>(*keepalive);
  message.lifetime = static_cast<std::uint32_t>(*lifetime);
  return message;
}

ControlFrame config_request() {
  return {FrameType::kConfigRequest, Json::object()};
}

ControlFrame config_ack(std::uint64_t serial) {
  return {FrameType::kConfigAck, {{"serial", serial}}};
}

std::optional<std::uint64_t> acked_serial(const ControlFrame& frame) {
  if (frame.type != FrameType::kConfigAck) return std::nullopt;
  const auto serial = frame.body.find("serial");
  if (serial == nullptr || !serial->is_number_unsigned()) return std::nullopt;
  return serial->get<std::uint64_t>();
}

}  // namespace tunneld::protocol
