#include "daemon/push/address_pool.h"

#include <algorithm>
#include <limits>

namespace tunneld::daemon {
namespace {

/// Addresses in the network, which is a /64 at most; of that one the last is not counted.
std::uint64_t size_of(const net::IpPrefix& network) {
  const unsigned bits = net::address_bits(network.address.family()) - network.length;
  return bits >= 64 ? std::numeric_limits<std::uint64_t>::max() : std::uint64_t{1} << bits;
}

/// The address `offset` after the network's first, in its last 64 bits.
net::IpAddress address_at(const net::IpPrefix& network, std::uint64_t offset) {
  std::array<std::uint8_t, 16> bytes{};
  const ByteView start = network.address.bytes();
  std::copy(start.begin(), start.end(), bytes.begin());
  for (std::size_t i = start.size(); i-- > 0 && offset > 0; offset >>= 8U) {
    bytes[i] = static_cast<std::uint8_t>(bytes[i] | (offset & 0xffU));
  }
  return network.address.is_v4() ? net::IpAddress::v4(std::span(bytes).first<4>())
                                 : net::IpAddress::v6(bytes);
}

/// Never leased: network and broadcast address (IPv4), subnet-router anycast (RFC 4291 section 2.6.1).
bool is_special(const net::IpPrefix& network, const net::IpAddress& address) {
  if (address == network.address) return true;
  return address.is_v4() && address == address_at(network, size_of(network) - 1);
}

bool has_family(const std::vector<net::IpAddress>& addresses, net::Family family) {
  return std::ranges::any_of(addresses, [&](const auto& address) { return address.family() == family; });
}

}  // namespace

std::vector<crypto::PublicKey> AddressPool::replan(PoolPlan plan) {
  plan_ = std::move(plan);
  std::vector<crypto::PublicKey> changed;
  std::vector<net::IpAddress> gone;
  for (const auto& [address, key] : owners_) {
    if (usable(address)) continue;
    gone.push_back(address);
    changed.push_back(key);
  }
  for (const net::IpAddress& address : gone) take_away(address);
  return changed;
}

void AddressPool::restore(const Lease& lease) {
  Lease kept{.key = lease.key, .addresses = {}, .seen = lease.seen};
  for (const net::IpAddress& address : lease.addresses) {
    if (!usable(address) || owners_.contains(address) || has_family(kept.addresses, address.family()))
      continue;
    kept.addresses.push_back(address);
  }
  if (kept.addresses.empty() || leases_.contains(lease.key)) return;
  for (const net::IpAddress& address : kept.addresses) owners_.emplace(address, kept.key);
  leases_.emplace(kept.key, std::move(kept));
}

std::optional<AddressPool::Grant> AddressPool::grant(const crypto::PublicKey& key, Now now,
                                                     const std::set<net::Family>& without) {
  const auto known = leases_.find(key);
  Lease lease = known == leases_.end() ? Lease{.key = key} : known->second;
  lease.seen = now.wall;
  lease.seen_in_run = now.boot;
  Grant grant;
  // Addresses that it does not need any more go back to the pool.
  std::vector<net::IpAddress> given_back;
  std::erase_if(lease.addresses, [&](const net::IpAddress& address) {
    if (!without.contains(address.family())) return false;
    given_back.push_back(address);
    return true;
  });
  std::vector<net::IpAddress> taken;
  std::vector<net::IpAddress> lost;
  for (const net::Family family : {net::Family::kIpv4, net::Family::kIpv6}) {
    const bool in_pool = std::ranges::any_of(
        plan_.networks, [&](const auto& network) { return network.address.family() == family; });
    if (!in_pool || without.contains(family) || has_family(lease.addresses, family)) continue;
    auto address = fresh(family, key);
    if (!address) {
      address = longest_unseen(family, now);
      if (address) lost.push_back(*address);
    }
    if (!address) {
      exhausted_.clear();
      for (const net::IpPrefix& network : plan_.networks) {
        if (network.address.family() != family) continue;
        exhausted_ += (exhausted_.empty() ? "" : ", ") + network.to_string();
      }
      return std::nullopt;
    }
    taken.push_back(*address);
    lease.addresses.push_back(*address);
  }

  for (const net::IpAddress& address : lost) {
    const auto loser = owners_.find(address);
    if (loser == owners_.end()) continue;  // lost the other family to us just now
    const crypto::PublicKey loser_key = loser->second;
    grant.lost.push_back(loser_key);
    release(loser_key);
  }
  for (const net::IpAddress& address : given_back) owners_.erase(address);
  for (const net::IpAddress& address : taken) owners_.emplace(address, key);
  std::ranges::sort(lease.addresses);
  grant.addresses = lease.addresses;
  grant.is_new = !taken.empty() || !given_back.empty();
  if (lease.addresses.empty()) {
    leases_.erase(key);
  } else {
    leases_.insert_or_assign(key, std::move(lease));
  }
  return grant;
}

bool AddressPool::has_all(const crypto::PublicKey& key, const std::set<net::Family>& without) const {
  const Lease* lease = find(key);
  const std::vector<net::IpAddress> has = lease == nullptr ? std::vector<net::IpAddress>() : lease->addresses;
  if (std::ranges::any_of(has, [&](const auto& address) { return without.contains(address.family()); }))
    return false;
  return std::ranges::all_of(plan_.networks, [&](const net::IpPrefix& network) {
    const net::Family family = network.address.family();
    return without.contains(family) || has_family(has, family);
  });
}

void AddressPool::renew(const crypto::PublicKey& key, Now now) {
  const auto found = leases_.find(key);
  if (found == leases_.end()) return;
  found->second.seen = now.wall;
  found->second.seen_in_run = now.boot;
}

void AddressPool::release(const crypto::PublicKey& key) {
  const auto found = leases_.find(key);
  if (found == leases_.end()) return;
  for (const net::IpAddress& address : found->second.addresses) owners_.erase(address);
  leases_.erase(found);
}

const Lease* AddressPool::find(const crypto::PublicKey& key) const {
  const auto found = leases_.find(key);
  return found == leases_.end() ? nullptr : &found->second;
}

bool AddressPool::usable(const net::IpAddress& address) const {
  const auto network =
      std::ranges::find_if(plan_.networks, [&](const net::IpPrefix& each) { return each.contains(address); });
  if (network == plan_.networks.end() || is_special(*network, address)) return false;
  return std::ranges::none_of(plan_.reserved,
                              [&](const net::IpPrefix& each) { return each.contains(address); });
}

std::optional<net::IpAddress> AddressPool::fresh(net::Family family, const crypto::PublicKey& key) const {
  const auto wish = load_le<std::uint64_t>(key.data());
  for (const net::IpPrefix& network : plan_.networks) {
    if (network.address.family() != family) continue;
    const bool is_all_reserved = std::ranges::any_of(plan_.reserved, [&](const net::IpPrefix& each) {
      return each.length <= network.length && each.contains(network.address);
    });
    if (is_all_reserved) continue;
    const std::uint64_t size = size_of(network);
    std::uint64_t offset = wish % size;
    for (std::uint64_t tried = 0; tried < size; ++tried) {
      const net::IpAddress address = address_at(network, offset);
      // Skips a whole reserved network in one step: the network behind a peer may be most of the pool.
      const auto reserved = std::ranges::find_if(
          plan_.reserved, [&](const net::IpPrefix& each) { return each.contains(address); });
      if (reserved != plan_.reserved.end()) {
        const std::uint64_t block = size_of(*reserved);
        const std::uint64_t rest = block - offset % block;
        tried += rest - 1;
        offset = rest >= size - offset ? 0 : offset + rest;
        continue;
      }
      if (!is_special(network, address) && !owners_.contains(address)) return address;
      offset = offset + 1 == size ? 0 : offset + 1;
    }
  }
  return std::nullopt;
}

std::optional<net::IpAddress> AddressPool::longest_unseen(net::Family family, Now now) const {
  const Lease* oldest = nullptr;
  for (const auto& [key, lease] : leases_) {
    if (!expired(lease, now) || !has_family(lease.addresses, family)) continue;
    if (oldest == nullptr || lease.age(now) > oldest->age(now)) oldest = &lease;
  }
  if (oldest == nullptr) return std::nullopt;
  return *std::ranges::find(oldest->addresses, family, &net::IpAddress::family);
}

void AddressPool::take_away(const net::IpAddress& address) {
  const auto owner = owners_.find(address);
  const auto lease = leases_.find(owner->second);
  std::erase(lease->second.addresses, address);
  if (lease->second.addresses.empty()) leases_.erase(lease);
  owners_.erase(owner);
}

}  // namespace tunneld::daemon
