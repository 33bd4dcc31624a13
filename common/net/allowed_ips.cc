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

IpPrefix AllowedIps::prefix_of(Family family, const Node& node) {
  std::array<std::uint8_t, 16> bytes{};
  const auto length = static_cast<std::uint8_t>(node.length);
  const std::span<const std::uint8_t, 16> all(bytes);
  store_be64(bytes.data(), node.high);
  if (family == Family::kIpv4) return {IpAddress::v4(all.first<4>()), length};
  store_be64(bytes.data() + 8, node.low);
  return {IpAddress::v6(all), length};
}

std::uint32_t AllowedIps::add_node(Trie& trie, Key key, unsigned length, Owner owner) {
  std::uint32_t index = trie.unused;
  if (index == kNone) {
    index = static_cast<std::uint32_t>(trie.nodes.size());
    trie.nodes.emplace_back();
  } else {
    trie.unused = trie.nodes[index].child[0];
  }
  trie.nodes[index] = {.high = key.high, .low = key.low, .owner = owner, .length = length};
  return index;
}

void AllowedIps::insert(const IpPrefix& prefix, Owner owner) {
  Trie& trie = trie_of(prefix.address.family());
  const unsigned length = prefix.length;
  const Key key = masked(key_of(prefix.address.family(), prefix.address.bytes().data()), length);

  // Walk down while the node's prefix contains ours; remember the link that leads to where we stop.
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

  std::uint32_t added = add_node(trie, key, length, owner);
  if (current != kNone) {
    const Key below{trie.nodes[current].high, trie.nodes[current].low};
    if (shared == length) {  // ours goes between the parent and the node
      trie.nodes[added].child[bit(below, length)] = current;
    } else {  // they diverge: a branch without an owner above both
      const std::uint32_t branch = add_node(trie, masked(key, shared), shared, kNobody);
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

void AllowedIps::splice(Trie& trie, std::uint32_t parent, std::uint32_t node) {
  Node& gone = trie.nodes[node];
  const std::uint32_t child = gone.child[0] != kNone ? gone.child[0] : gone.child[1];
  if (parent == kNone) {
    trie.root = child;
  } else {
    std::array<std::uint32_t, 2>& links = trie.nodes[parent].child;
    links[links[1] == node ? 1 : 0] = child;
  }
  gone = {};
  gone.child[0] = trie.unused;
  trie.unused = node;
}

bool AllowedIps::remove(const IpPrefix& prefix, Owner owner) {
  Trie& trie = trie_of(prefix.address.family());
  const unsigned length = prefix.length;
  const Key key = masked(key_of(prefix.address.family(), prefix.address.bytes().data()), length);
  std::uint32_t above = kNone;
  std::uint32_t parent = kNone;
  std::uint32_t current = trie.root;
  while (current != kNone && trie.nodes[current].length < length) {
    above = parent;
    parent = current;
    current = trie.nodes[current].child[bit(key, trie.nodes[current].length)];
  }
  if (current == kNone) return false;
  Node& node = trie.nodes[current];
  if (node.length != length || node.high != key.high || node.low != key.low) return false;
  if (node.owner != owner || owner == kNobody) return false;

  node.owner = kNobody;
  const auto children = [](const Node& of) {
    return (of.child[0] != kNone ? 1 : 0) + (of.child[1] != kNone ? 1 : 0);
  };
  if (children(node) == 2) return true;  // stays as a branch
  splice(trie, parent, current);
  // A branch with only one child is no longer needed.
  if (parent != kNone && trie.nodes[parent].owner == kNobody && children(trie.nodes[parent]) < 2) {
    splice(trie, above, parent);
  }
  return true;
}

void AllowedIps::remove_all(Owner owner) {
  std::vector<IpPrefix> theirs;
  for_each([&](const IpPrefix& prefix, Owner who) {
    if (who == owner) theirs.push_back(prefix);
  });
  for (const IpPrefix& prefix : theirs) remove(prefix, owner);
}

AllowedIps::Owner AllowedIps::lookup(Family family, const std::uint8_t* address) const {
  const Trie& trie = trie_of(family);
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
