// Cryptokey routing: finds the longest prefix that contains an address, and the peer that owns the prefix.
//
// A binary trie with path compression, one per family. Its nodes are in a vector and linked by index: 32
// bytes a node, two nodes a prefix. A lookup touches one cache line per step. Readers see only finished
// tables, which never change: the control thread changes a copy, or builds a new one (ten thousand prefixes
// take milliseconds), and publishes it whole. A multi-bit trie would need fewer steps but more memory and
// code; the lookup is not a visible part of a packet's cost.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/net/ip_address.h"

namespace tunneld::net {

class AllowedIps {
 public:
  using Owner = std::uint32_t;
  static constexpr Owner kNobody = UINT32_MAX;

  /// Gives `prefix` (host bits are ignored) to `owner`, taking it from the previous owner of exactly this
  /// prefix.
  void insert(const IpPrefix& prefix, Owner owner);
  /// False if `prefix` (host bits are ignored) does not belong to `owner`.
  bool remove(const IpPrefix& prefix, Owner owner);
  /// Removes all prefixes of `owner`. Visits every prefix.
  void remove_all(Owner owner);
  /// Calls visit(const IpPrefix&, Owner) for every prefix, in no order. The table must not be changed
  /// meanwhile.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (const Family family : {Family::kIpv4, Family::kIpv6}) {
      for (const Node& node : trie_of(family).nodes) {
        if (node.owner != kNobody) visit(prefix_of(family, node), node.owner);
      }
    }
  }
  /// The owner of the longest prefix that holds `address` (4 or 16 bytes, network order), or kNobody.
  [[nodiscard]] Owner lookup(Family family, const std::uint8_t* address) const;
  [[nodiscard]] Owner lookup(const IpAddress& address) const {
    return lookup(address.family(), address.bytes().data());
  }

 private:
  struct Node {
    std::uint64_t high = 0, low = 0;  ///< the prefix, left-aligned in 128 bits
    std::array<std::uint32_t, 2> child{kNone, kNone};
    Owner owner = kNobody;
    std::uint32_t length = 0;
  };
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Trie {
    std::vector<Node> nodes;
    std::uint32_t root = kNone;
    std::uint32_t unused = kNone;  ///< first of the nodes to use again, linked by child[0]
  };
  struct Key {
    std::uint64_t high, low;
  };

  static Key key_of(Family family, const std::uint8_t* address);
  static unsigned common_bits(Key a, Key b);
  static unsigned bit(Key key, unsigned position);
  static Key masked(Key key, unsigned length);
  static IpPrefix prefix_of(Family family, const Node& node);
  static std::uint32_t add_node(Trie& trie, Key key, unsigned length, Owner owner);
  /// Replaces `node`, which has at most one child, by that child in its parent's link.
  static void splice(Trie& trie, std::uint32_t parent, std::uint32_t node);
  [[nodiscard]] const Trie& trie_of(Family family) const { return family == Family::kIpv4 ? v4_ : v6_; }
  [[nodiscard]] Trie& trie_of(Family family) { return family == Family::kIpv4 ? v4_ : v6_; }

  Trie v4_, v6_;
};

}  // namespace tunneld::net
