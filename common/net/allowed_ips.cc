#include "common/net/allowed_ips.h"

#include <algorithm>
#include <bit>

namespace tunneld::net {

AllowedIps::Key AllowedIps::key_of(Family family, const std::uint8_t* address) {
  if (family == Family::kIpv4) return {std::uint64_t{load_be32(address)} << 32, 0};
  return {load_be64(address), load_be64(address + 8)};
}

unsigned AllowedIps::common_bits(Key a, Key b) {
  if (const std::uint64_t difference = a.high ^ b.high; difference != 0) {
    return static_cast<unsigned>(std::countl_zero(difference));
  }
  return 64 + static_cast<unsigned>(std::countl_zero(a.low ^ b.low));
}

unsigned AllowedIps::bit(Key key, unsigned position) {
  const std::uint64_t word = position < 64 ? key.high : key.low;
  return static_cast<unsigned>(word >> (63 - position % 64)) & 1U;
}

AllowedIps::Key AllowedIps::masked(Key key, unsigned length) {
  const auto mask = [](unsigned bits) { return bits == 0 ? 0 : ~std::uint64_t{0} << (64 - bits); };
  return {key.high & mask(std::min(length, 64U)), key.low & mask(length > 64 ? length - 64 : 0)};
}

void AllowedIps::insert(const IpPrefix& prefix, Owner owner) {
  Trie& trie = prefix.address.is_v4() ? v4_ : v6_;
  const unsigned length = prefix.length;
  const Key key = masked(key_of(prefix.address.family(), prefix.address.bytes().data()), length);
  const auto add = [&trie](Key at, unsigned bits, Owner who) {
    trie.nodes.push_back({.high = at.high, .low = at.low, .owner = who, .length = bits});
    return static_cast<std::uint32_t>(trie.nodes.size() - 1);
  };

  // Walk down while the node's prefix holds ours; remember the link that leads to where we stop.
  std::uint32_t parent = kNone;
  std::uint32_t current = trie.root;
  unsigned shared = 0;
  while (current != kNone) {
    const Node& node = trie.nodes[current];
    shared = std::min({common_bits(key, {node.high, node.low}), length, node.length});
    if (shared < node.length) break;
    if (node.length == length) {
      trie.nodes[current].owner = owner;
      return;
    }
    parent = current;
    current = node.child[bit(key, node.length)];
  }

  std::uint32_t added = add(key, length, owner);
  if (current != kNone) {
    const Key below{trie.nodes[current].high, trie.nodes[current].low};
    if (shared == length) {  // ours goes between the parent and the node
      trie.nodes[added].child[bit(below, length)] = current;
    } else {  // they part ways: a branch without an owner above both
      const std::uint32_t branch = add(masked(key, shared), shared, kNobody);
      trie.nodes[branch].child[bit(key, shared)] = added;
      trie.nodes[branch].child[bit(below, shared)] = current;
      added = branch;
    }
  }
  if (parent == kNone) {
    trie.root = added;
  } else {
    trie.nodes[parent].child[bit(key, trie.nodes[parent].length)] = added;
  }
}

AllowedIps::Owner AllowedIps::lookup(Family family, const std::uint8_t* address) const {
  const Trie& trie = family == Family::kIpv4 ? v4_ : v6_;
  const Key key = key_of(family, address);
  const unsigned bits = address_bits(family);
  Owner owner = kNobody;
  std::uint32_t current = trie.root;
  while (current != kNone) {
    const Node& node = trie.nodes[current];
    if (common_bits(key, {node.high, node.low}) < node.length) break;
    if (node.owner != kNobody) owner = node.owner;
    if (node.length == bits) break;
    current = node.child[bit(key, node.length)];
  }
  return owner;
}

}  // namespace tunneld::net
