// The protocol's control side: all peers of one interface, and the handling of handshake messages from
// strangers.
//
// Sans-IO. Feed it messages (receive), the data workers' notices (handle) and time (advance); it fills
// Actions.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "common/protocol/actions.h"
#include "common/protocol/data_plane.h"
#include "common/protocol/door.h"
#include "common/protocol/handshake_admission.h"
#include "common/protocol/peer/peer.h"
#include "common/protocol/services.h"

namespace tunneld::protocol {

struct TunnelOptions {
  /// Whether to use tunneld's extension (docs/extension.md).
  bool extension = true;
  /// AES-256-GCM may be agreed on, if the engine supports it.
  bool fast_cipher = true;
  /// What to announce in HELLO.
  Capabilities capabilities{};
  PathPolicy path{};
};

class Tunnel {
 public:
  Tunnel(crypto::PrivateKey private_key, const crypto::AeadEngine& engine, RandomBytes random,
         DataPlane& plane, const TunnelOptions& options);
  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  /// Changes of the peers. The routing table is published once for all of them, so no packet meets a
  /// half-made change.
  struct PeerChanges {
    std::vector<PeerId> removed;
    std::vector<std::pair<PeerId, std::vector<net::IpPrefix>>> allowed_ips;
    std::vector<PeerOptions> added;
    std::vector<std::pair<PeerId, std::vector<net::MacAddress>>> mac_addresses{};
    [[nodiscard]] bool empty() const {
      return removed.empty() && allowed_ips.empty() && added.empty() && mac_addresses.empty();
    }
  };
  /// Returns the ids of the added peers. Precondition: public keys are new; after the change each allowed IP
  /// belongs to one peer (the configuration has been validated).
  std::vector<PeerId> change_peers(PeerChanges changes, Now now);
  [[nodiscard]] const Peer& peer(PeerId id) const { return *peers_[id]; }
  [[nodiscard]] const Peer* find_peer(const crypto::PublicKey& key) const;

  /// A peer that is being changed. When this goes, the peer's new deadline is known to the tunnel.
  class ChangingPeer {
   public:
    ChangingPeer(Tunnel& tunnel, PeerId id) : tunnel_(tunnel), id_(id) {}
    ~ChangingPeer() { tunnel_.reschedule(id_); }
    ChangingPeer(const ChangingPeer&) = delete;
    ChangingPeer& operator=(const ChangingPeer&) = delete;
    [[nodiscard]] Peer* operator->() const { return tunnel_.peers_[id_].get(); }

   private:
    Tunnel& tunnel_;
    const PeerId id_;
  };
  /// The only way to change a peer: `tunnel.change(id)->try_endpoint(...)`.
  [[nodiscard]] ChangingPeer change(PeerId id) { return {*this, id}; }
  void set_path_policy(const PathPolicy& policy);

  /// A message of type 1 to 3 from anybody. Never throws; a message that does not authenticate gets no
  /// answer.
  void receive(ByteView message, const net::Endpoint& from, Now now, Actions& actions);
  /// ICMP says that nothing listens at `at`, and quotes `quotation`, the beginning of what we sent there. The
  /// message may be forged.
  void refused(ByteView quotation, const net::SocketAddress& at, Now now, Actions& actions);
  /// A notice of a data worker. Handshake messages among them go to receive().
  void handle(const DoorRecord& record, ByteView payload, Now now, Actions& actions);

  [[nodiscard]] Instant next_deadline() const {
    return std::min({sweep_at_, reclaim_at_, deadlines_.empty() ? kNever : deadlines_.begin()->first});
  }
  void advance(Now now, Actions& actions);

  /// Of our initiations.
  [[nodiscard]] Timestamps& timestamps() { return services_.timestamps; }
  [[nodiscard]] const Timestamps& timestamps() const { return services_.timestamps; }
  /// `visit` may change peers, but neither add nor remove one.
  void for_each_peer(const std::function<void(PeerId, const Peer&)>& visit) const;
  [[nodiscard]] const crypto::PublicKey& public_key() const { return services_.identity.public_key; }

 private:
  void receive_initiation(const InitiationMessage& message, const net::Endpoint& from, Now now,
                          Actions& actions);
  void receive_response(const ResponseMessage& message, const net::Endpoint& from, Now now, Actions& actions);
  void receive_cookie(const CookieMessage& message, Now now);
  [[nodiscard]] std::optional<PeerId> owner_of(std::uint32_t index) const;
  void reschedule(PeerId id);
  void handle_notice(const DoorRecord& record, ByteView payload, Now now, Actions& actions);
  /// Schedules reclaiming: objects (keys among them) that a worker was still reading when they were retired
  /// are freed soon after, even if nothing else happens.
  void reclaim_later(Now now);
  void publish_routing();
  void count(Drop reason) { plane_.drops[plane_.threads.control()].count(reason); }

  DataPlane& plane_;
  Services services_;
  HandshakeAdmission admission_;
  std::vector<std::unique_ptr<Peer>> peers_;  ///< by PeerId; null where one was removed
  std::unordered_map<crypto::PublicKey, PeerId, crypto::PublicKeyHash> by_key_;
  std::set<std::pair<Instant, PeerId>> deadlines_;
  Instant reclaim_at_ = kNever;
  Instant sweep_at_ = kNever;       ///< of the switch, if it has any entries
  std::vector<Instant> scheduled_;  ///< by PeerId: the entry in deadlines_
};

}  // namespace tunneld::protocol
