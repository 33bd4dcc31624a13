// Assigns addresses to clients. Pure: no file, no clock, no log; lease_store.h keeps the leases over a
// restart.
//
// A client is identified by its public key. It always gets the same address of each family in the pool: a hash of
// the key selects it, and if that address is taken, the next free one is used. So even a server that has lost its
// leases gives nearly all clients their old addresses again.
//
// A lease is in use while its client is connected. An address that has been unused for `lease_time` may be
// given to another client, but only when no fresh one is left; then the one that was unused for longest is taken.
// So a laptop that comes back after a year gets its old address, unless the pool was too small.
//
// The pool is a value. A caller that has to do something else first (write the lease to disk) changes a copy and
// assigns it afterwards.
#pragma once

#include <algorithm>
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
  /// At most one of each family.
  std::vector<net::IpAddress> addresses{};
  /// By the clock of that time, which is all that the next run has.
  WallTime seen{};
  /// When that was in this run; nullopt for a lease that is only on disk.
  std::optional<Instant> seen_in_run{};
  /// A wall clock that is set makes no lease older or younger that was seen in this run.
  [[nodiscard]] Duration age(Now now) const {
    return std::max(seen_in_run ? now.boot - *seen_in_run : now.wall - seen, Duration::zero());
  }
  bool operator==(const Lease&) const = default;
};
using Leases = std::map<crypto::PublicKey, Lease>;

/// Which addresses may be leased.
struct PoolPlan {
  /// Networks that do not overlap, for IPv6 of /64 or longer.
  std::vector<net::IpPrefix> networks;
  /// Never leased: our own addresses, fixed addresses of peers, networks behind peers.
  std::vector<net::IpPrefix> reserved;
  Duration lease_time{};
  bool operator==(const PoolPlan&) const = default;
};

class AddressPool {
 public:
  explicit AddressPool(PoolPlan plan) { replan(std::move(plan)); }

  /// Applies a new plan. Removes addresses that it does not contain from their leases and returns the clients
  /// concerned.
  std::vector<crypto::PublicKey> replan(PoolPlan plan);
  /// Restores an earlier lease, except addresses that are reserved, outside of the pool, or given to another client
  /// by now.
  void restore(const Lease& lease);

  struct Grant {
    std::vector<net::IpAddress> addresses;
    /// Whether they differ from the client's earlier ones.
    bool is_new = false;
    /// Clients that have lost their lease to this one.
    std::vector<crypto::PublicKey> lost;
  };
  /// Gives the client an address of each family in the pool, except families in `without` (where it has fixed
  /// ones). nullopt if a family has no address left; then nothing has changed, and exhausted() names the networks.
  [[nodiscard]] std::optional<Grant> grant(const crypto::PublicKey& key, Now now,
                                           const std::set<net::Family>& without = {});
  /// Whether grant() would only give the client what it already has.
  [[nodiscard]] bool has_all(const crypto::PublicKey& key, const std::set<net::Family>& without = {}) const;
  /// The client is connected: renews its lease, if it has one.
  void renew(const crypto::PublicKey& key, Now now);
  /// The client has been removed from the configuration.
  void release(const crypto::PublicKey& key);

  [[nodiscard]] const Lease* find(const crypto::PublicKey& key) const;
  [[nodiscard]] const Leases& leases() const { return leases_; }
  [[nodiscard]] const PoolPlan& plan() const { return plan_; }
  [[nodiscard]] bool expired(const Lease& lease, Now now) const { return lease.age(now) >= plan_.lease_time; }
  /// The networks of the family that grant() failed for last: "10.8.0.0/24, 10.9.0.0/24".
  [[nodiscard]] const std::string& exhausted() const { return exhausted_; }

 private:
  [[nodiscard]] bool usable(const net::IpAddress& address) const;
  [[nodiscard]] std::optional<net::IpAddress> fresh(net::Family family, const crypto::PublicKey& key) const;
  [[nodiscard]] std::optional<net::IpAddress> longest_unseen(net::Family family, Now now) const;
  void take_away(const net::IpAddress& address);

  PoolPlan plan_;
  Leases leases_;
  std::map<net::IpAddress, crypto::PublicKey> owners_;
  std::string exhausted_;
};

}  // namespace tunneld::daemon
