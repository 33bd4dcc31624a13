// Which client has which address. Pure: no file, no clock, no log; lease_store.h keeps it over a restart.
//
// A client is its public key. It gets one address of each family that the pool has, always the same one:
// where in the pool it stands follows from the key, and the next free one is taken where somebody else stands
// already. So even a server that has lost its leases hands nearly all of them out again as before.
//
// A lease is in use while its client is seen. After `lease_time` unseen its addresses may be given to
// somebody else, but that happens only when there is no fresh one left, longest unseen first: a laptop that
// comes back after a year finds its old address unless the pool was too small.
//
// A value: whoever has to make sure of something else first (that the lease is on disk) changes a copy, and
// takes it over when that is done.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/crypto/keys.h"
#include "common/net/ip_address.h"

namespace tunneld::daemon {

struct Lease {
  crypto::PublicKey key;
  /// One of each family at most.
  std::vector<net::IpAddress> addresses;
  WallTime seen{};
  bool operator==(const Lease&) const = default;
};
using Leases = std::map<crypto::PublicKey, Lease>;

/// What may be handed out.
struct PoolPlan {
  /// Networks that do not overlap, for IPv6 of /64 or longer.
  std::vector<net::IpPrefix> networks;
  /// Never handed out: our own addresses, those of peers that have fixed ones, networks behind peers.
  std::vector<net::IpPrefix> reserved;
  Duration lease_time{};
  bool operator==(const PoolPlan&) const = default;
};

class AddressPool {
 public:
  explicit AddressPool(PoolPlan plan) { replan(std::move(plan)); }

  /// From now on this plan holds. Addresses that it does not have are taken from their leases; returns whose.
  std::vector<crypto::PublicKey> replan(PoolPlan plan);
  /// Takes over a lease of before: what is reserved, outside or somebody else's now is left out of it.
  void restore(const Lease& lease);

  struct Grant {
    std::vector<net::IpAddress> addresses;
    /// Whether they differ from what the client had before.
    bool is_new = false;
    /// Clients that have lost their lease to this one.
    std::vector<crypto::PublicKey> lost;
  };
  /// The client's addresses, of each family in the pool that is not in `without` (it has fixed ones there).
  /// nullopt when no address is left in a family; then nothing has changed, and exhausted() names it.
  [[nodiscard]] std::optional<Grant> grant(const crypto::PublicKey& key, WallTime now,
                                           const std::set<net::Family>& without = {});
  /// Whether grant() would give the client what it has, and nothing new.
  [[nodiscard]] bool has_all(const crypto::PublicKey& key, const std::set<net::Family>& without = {}) const;
  /// The client is there: its lease goes on. Nothing if it has none.
  void renew(const crypto::PublicKey& key, WallTime now);
  /// The client is none any more.
  void release(const crypto::PublicKey& key);

  [[nodiscard]] const Lease* find(const crypto::PublicKey& key) const;
  [[nodiscard]] const Leases& leases() const { return leases_; }
  [[nodiscard]] const PoolPlan& plan() const { return plan_; }
  [[nodiscard]] bool expired(const Lease& lease, WallTime now) const {
    return now - lease.seen >= plan_.lease_time;
  }
  /// The networks of the family that grant() failed for last: "10.8.0.0/24, 10.9.0.0/24".
  [[nodiscard]] const std::string& exhausted() const { return exhausted_; }

 private:
  [[nodiscard]] bool usable(const net::IpAddress& address) const;
  [[nodiscard]] std::optional<net::IpAddress> fresh(net::Family family, const crypto::PublicKey& key) const;
  [[nodiscard]] std::optional<net::IpAddress> longest_unseen(net::Family family, WallTime now) const;
  void take_away(const net::IpAddress& address);

  PoolPlan plan_;
  Leases leases_;
  std::map<net::IpAddress, crypto::PublicKey> owners_;
  std::string exhausted_;
};

}  // namespace tunneld::daemon
