#include "common/net/ip_address.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include "common/net/interface_name.h"

namespace tunneld::net {
namespace {

template <typename T>
std::optional<T> parse_number(std::string_view text, T largest) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > largest) return std::nullopt;
  return value;
}

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

IpAddress IpAddress::v4(std::span<const std::uint8_t, 4> bytes) {
  IpAddress address;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::v6(std::span<const std::uint8_t, 16> bytes) {
  IpAddress address;
  address.family_ = Family::kIpv6;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  if (terminated.size() != std::strlen(terminated.c_str())) return std::nullopt;
  IpAddress address;
  if (inet_pton(AF_INET, terminated.c_str(), address.bytes_.data()) == 1) return address;
  address.family_ = Family::kIpv6;
  if (inet_pton(AF_INET6, terminated.c_str(), address.bytes_.data()) == 1) return address;
  return std::nullopt;
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

IpAddress IpAddress::unspecified(Family family) {
  IpAddress address;
  address.family_ = family;
  return address;
}

bool IpAddress::is_unspecified() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t byte) { return byte == 0; });
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned bits = address_bits(address->family());
  if (slash == std::string_view::npos) return IpPrefix{*address, static_cast<std::uint8_t>(bits)};
  const auto length = parse_number<unsigned>(text.substr(slash + 1), bits);
  if (!length) return std::nullopt;
  return IpPrefix{*address, static_cast<std::uint8_t>(*length)};
}

std::string IpPrefix::to_string() const {
  return address.to_string() + "/" + std::to_string(length);
}

IpPrefix IpPrefix::network() const {
  std::array<std::uint8_t, 16> bytes{};
  const ByteView source = address.bytes();
  for (std::size_t i = 0; i < source.size(); ++i) {
    const int kept = std::clamp(static_cast<int>(length) - static_cast<int>(i) * 8, 0, 8);
    bytes[i] = static_cast<std::uint8_t>(source[i] & (0xff00U >> kept));
  }
  const std::span<const std::uint8_t, 16> all(bytes);
  return {address.is_v4() ? IpAddress::v4(all.first<4>()) : IpAddress::v6(all), length};
}

bool IpPrefix::contains(const IpAddress& other) const {
  return other.family() == address.family() && IpPrefix{other, length}.network() == network();
}

bool IpPrefix::overlaps(const IpPrefix& other) const {
  return length <= other.length ? contains(other.address) : other.contains(address);
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view text) {
  SocketAddress result;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1), 65535);
  if (!port) return std::nullopt;
  result.port = *port;

  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
    if (const std::size_t percent = host.find('%'); percent != std::string_view::npos) {
      const std::string scope(host.substr(percent + 1));
      result.scope_id = interface_index(scope).value_or(0);
      // An interface that is gone has no name and is written by its number.
      if (result.scope_id == 0) result.scope_id = parse_number<std::uint32_t>(scope, UINT32_MAX).value_or(0);
      if (result.scope_id == 0) return std::nullopt;
      host = host.substr(0, percent);
    }
  }
  const auto address = IpAddress::parse(host);
  if (!address || address->is_v4() == bracketed) return std::nullopt;
  result.address = *address;
  return result;
}

std::string SocketAddress::to_string() const {
  std::string text = address.is_v4() ? address.to_string() : "[" + address.to_string();
  if (!address.is_v4()) {
    std::array<char, IF_NAMESIZE> name{};
    if (scope_id != 0) {
      text += '%';
      text += if_indextoname(scope_id, name.data()) != nullptr ? name.data() : std::to_string(scope_id);
    }
    text += ']';
  }
  return text + ":" + std::to_string(port);
}

std::uint32_t SocketAddress::to_sockaddr(sockaddr_storage& out) const {
  std::memset(&out, 0, sizeof out);
  if (address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.bytes().data(), sizeof v4.sin_addr);
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  v6.sin6_scope_id = scope_id;
  std::memcpy(&v6.sin6_addr, address.bytes().data(), sizeof v6.sin6_addr);
  std::memcpy(&out, &v6, sizeof v6);
  return sizeof v6;
}

std::optional<SocketAddress> SocketAddress::from_sockaddr(const sockaddr& address) {
  SocketAddress result;
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    result.address = IpAddress::v4(bytes);
    result.port = ntohs(v4.sin_port);
    return result;
  }
  if (address.sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof v6);
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  result.port = ntohs(v6.sin6_port);
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin())) {
    result.address = IpAddress::v4(std::span<const std::uint8_t, 16>(bytes).last<4>());
    return result;
  }
  result.address = IpAddress::v6(bytes);
  result.scope_id = v6.sin6_scope_id;
  return result;
}

}  // namespace tunneld::net
