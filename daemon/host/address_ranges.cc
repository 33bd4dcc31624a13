#include "daemon/host/address_ranges.h"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

namespace tunneld::daemon {
namespace {

net::IpAddress from_bytes(net::Family family, const std::array<std::uint8_t, 16>& bytes) {
  if (family == net::Family::kIpv6) return net::IpAddress::v6(bytes);
  return net::IpAddress::v4(std::span(bytes).first<4>());
}

std::array<std::uint8_t, 16> bytes_of(const net::IpAddress& address) {
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(address.bytes(), bytes.begin());
  return bytes;
}

net::IpAddress last_of(const net::IpPrefix& network) {
  auto bytes = bytes_of(network.address);
  for (std::size_t bit = network.length; bit < net::address_bits(network.address.family()); ++bit) {
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | (0x80U >> (bit % 8)));
  }
  return from_bytes(network.address.family(), bytes);
}

/// nullopt behind the last (before the first) of the family.
std::optional<net::IpAddress> neighbour(const net::IpAddress& address, bool next) {
  auto bytes = bytes_of(address);
  for (std::size_t i = address.bytes().size(); i-- > 0;) {
    bytes[i] = static_cast<std::uint8_t>(next ? bytes[i] + 1 : bytes[i] - 1);
    if (bytes[i] != (next ? 0 : 255)) return from_bytes(address.family(), bytes);
  }
  return std::nullopt;
}

/// Visits the networks in order, as nested parentheses: the open ones contain the current address.
class Sweep {
 public:
  void open(const OwnedNetwork& owned) {
    const net::IpAddress& first = owned.network.address;
    while (!open_.empty() && (open_.back().last.family() != first.family() || open_.back().last < first)) {
      close_innermost();
    }
    if (!open_.empty() && begin_ && *begin_ < first) emit(*neighbour(first, false));
    begin_ = first;
    open_.push_back({first, last_of(owned.network), owned.owner});
  }
  std::vector<OwnedRange> finish() {
    while (!open_.empty()) close_innermost();
    return std::move(ranges_);
  }

 private:
  void close_innermost() {
    const net::IpAddress last = open_.back().last;
    if (begin_ && *begin_ <= last) {
      emit(last);
      begin_ = neighbour(last, true);
    }
    open_.pop_back();
  }
  /// From begin_ to `last`, for the innermost network.
  void emit(const net::IpAddress& last) {
    const std::size_t owner = open_.back().owner;
    if (!ranges_.empty() && ranges_.back().owner == owner && neighbour(ranges_.back().last, true) == begin_) {
      ranges_.back().last = last;
    } else {
      ranges_.push_back({*begin_, last, owner});
    }
  }

  std::vector<OwnedRange> open_;
  std::vector<OwnedRange> ranges_;
  std::optional<net::IpAddress> begin_;
};

}  // namespace

std::vector<OwnedRange> disjoint_ranges(std::vector<OwnedNetwork> networks) {
  std::ranges::stable_sort(networks, {}, [](const OwnedNetwork& owned) {
    return std::tuple(owned.network.address, owned.network.length);
  });
  Sweep sweep;
  for (const OwnedNetwork& owned : networks) sweep.open(owned);
  return sweep.finish();
}

}  // namespace tunneld::daemon
