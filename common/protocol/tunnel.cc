#include "common/protocol/tunnel.h"

#include <utility>

#include "common/protocol/messages.h"

namespace tunneld::protocol {
Tunnel::Tunnel(crypto::PrivateKey private_key, const crypto::AeadEngine& engine, RandomBytes random,
               DataPlane& plane, const TunnelOptions& options)
    : plane_(plane),
      services_{.identity = LocalIdentity(std::move(private_key)),
                .engine = engine,
                .random = random,
                .offers_fast_data =
                    options.extension && options.fast_cipher && engine.supports(crypto::Cipher::kAes256Gcm),
                .extension = {.enabled = options.extension,
                              .instance = random_number(random),
                              .capabilities = options.capabilities},
                .indices = plane.indices,
                .quiescence = plane.quiescence,
                .path_policy = options.path,
                .mtu = plane.mtu,
                .control_thread = plane.threads.control(),
                .drops = plane.drops[plane.threads.control()],
                .timestamps = {},
                .waiting_bytes = 0,
                .index_owner = {}},
      admission_(services_.identity.public_key, random) {
  publish_routing();
}

Tunnel::~Tunnel() = default;

// --- Peers

std::vector<PeerId> Tunnel::change_peers(PeerChanges changes, Now now) {
  std::vector<std::unique_ptr<Peer>> leaving;
  for (const PeerId id : changes.removed) {
    leaving.push_back(std::move(peers_[id]));
    by_key_.erase(leaving.back()->options().public_key);
    deadlines_.erase({scheduled_[id], id});
    scheduled_[id] = kNever;
  }
  for (auto& [id, allowed_ips] : changes.allowed_ips) {
    peers_[id]->options().allowed_ips = std::move(allowed_ips);
  }
  for (auto& [id, addresses] : changes.mac_addresses) {
    peers_[id]->options().mac_addresses = std::move(addresses);
  }
  std::vector<PeerId> ids;
  ids.reserve(changes.added.size());
  plane_.indices.make_room(by_key_.size() + leaving.size() + changes.added.size());
  for (PeerOptions& options : changes.added) {
    const auto id = static_cast<PeerId>(peers_.size());
    by_key_[options.public_key] = id;
    peers_.push_back(std::make_unique<Peer>(id, std::move(options), plane_.threads.count(), services_, now));
    scheduled_.push_back(kNever);
    reschedule(id);
    ids.push_back(id);
  }
  publish_routing();
  // From here on no new batch can find them.
  for (const std::unique_ptr<Peer>& peer : leaving) {
    peer->reset();
    if (plane_.ethernet) plane_.ethernet->forget(peer->link().id);
    plane_.quiescence.retire(peer->release_link());
  }
  reclaim_later(now);
  return ids;
}

const Peer* Tunnel::find_peer(const crypto::PublicKey& key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : peers_[found->second].get();
}

void Tunnel::for_each_peer(const std::function<void(PeerId, const Peer&)>& visit) const {
  for (PeerId id = 0; id < peers_.size(); ++id) {
    if (peers_[id]) visit(id, *peers_[id]);
  }
}

void Tunnel::publish_routing() {
  auto table = std::make_unique<RoutingTable>();
  table->links.resize(peers_.size());
  table->isolated.resize(peers_.size());
  std::vector<std::pair<net::MacAddress, PeerId>> macs;
  for_each_peer([&](PeerId id, const Peer& peer) {
    table->links[id] = &peers_[id]->link();
    table->isolated[id] = peer.options().isolated;
    for (const net::IpPrefix& prefix : peer.options().allowed_ips) table->allowed_ips.insert(prefix, id);
    for (const net::MacAddress& address : peer.options().mac_addresses) macs.emplace_back(address, id);
  });
  table->mac_owners = MacOwners(std::move(macs));
  if (plane_.ethernet) plane_.ethernet->set_peers(static_cast<std::uint32_t>(by_key_.size()));
  plane_.routing.replace(std::move(table), plane_.quiescence);
}

// --- Time

void Tunnel::reschedule(PeerId id) {
  const Instant deadline = peers_[id]->deadline();
  if (deadline == scheduled_[id]) return;
  if (scheduled_[id] != kNever) deadlines_.erase({scheduled_[id], id});
  if (deadline != kNever) deadlines_.insert({deadline, id});
  scheduled_[id] = deadline;
}

void Tunnel::advance(Now now, Actions& actions) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now.boot) {
    const PeerId id = deadlines_.begin()->second;
    change(id)->advance(now, actions);
  }
  if (plane_.ethernet && (sweep_at_ == kNever || now.boot >= sweep_at_)) {
    for (const Loop& loop : plane_.ethernet->sweep(*plane_.routing.get(), now.boot))
      actions.add_event({loop.one, Event::Loop{}});
    sweep_at_ = now.boot + EthernetSwitch::kSweepInterval;
  }
  plane_.quiescence.reclaim();
  reclaim_at_ = kNever;
  reclaim_later(now);
}

void Tunnel::reclaim_later(Now now) {
  // Much longer than a worker's batch.
  constexpr Duration kReclaimAfter = 100ms;
  if (plane_.quiescence.waiting() > 0) reclaim_at_ = std::min(reclaim_at_, now.boot + kReclaimAfter);
}

void Tunnel::set_path_policy(const PathPolicy& policy) {
  if (services_.path_policy == policy) return;
  services_.path_policy = policy;
  for_each_peer([this](PeerId id, const Peer&) { change(id)->path().review(); });
}

// --- Notices of the data workers

void Tunnel::handle(const DoorRecord& record, ByteView payload, Now now, Actions& actions) {
  handle_notice(record, payload, now, actions);
  reclaim_later(now);
}

void Tunnel::handle_notice(const DoorRecord& record, ByteView payload, Now now, Actions& actions) {
  if (record.notice == Notice::kHandshakeMessage) return receive(payload, record.endpoint, now, actions);
  if (record.notice == Notice::kRefused) return refused(payload, record.endpoint.remote, now, actions);
  if (record.peer >= peers_.size() || !peers_[record.peer]) return;  // removed meanwhile
  change(record.peer)->handle(record, payload, now, actions);
}

// --- Messages from anybody

void Tunnel::receive(ByteView message, const net::Endpoint& from, Now now, Actions& actions) {
  switch (classify(message)) {
    case MessageType::kInitiation:
      return receive_initiation(InitiationMessage::from(message), from, now, actions);
    case MessageType::kResponse:
      return receive_response(ResponseMessage::from(message), from, now, actions);
    case MessageType::kCookie:
      return receive_cookie(CookieMessage::from(message), now);
    default:
      return count(Drop::kMalformed);
  }
}

void Tunnel::receive_initiation(const InitiationMessage& message, const net::Endpoint& from, Now now,
                                Actions& actions) {
  if (const auto why = admission_.refuses(as_bytes(message), message.sender(), from, now.boot, actions))
    return count(*why);
  auto opened = open_initiation(services_.identity, message);
  if (!opened) return count(Drop::kHandshakeRefused);
  const auto known = by_key_.find(opened->peer_key());
  if (known == by_key_.end()) return count(Drop::kUnknownPeer);
  if (!change(known->second)->accept_initiation(std::move(*opened), from, now, actions))
    count(Drop::kHandshakeRefused);
}

void Tunnel::receive_response(const ResponseMessage& message, const net::Endpoint& from, Now now,
                              Actions& actions) {
  if (const auto why = admission_.refuses(as_bytes(message), message.sender(), from, now.boot, actions))
    return count(*why);
  const auto owner = owner_of(message.receiver());
  if (!owner) return count(Drop::kUnknownIndex);
  if (!change(*owner)->accept_response(message, from, now, actions)) count(Drop::kHandshakeRefused);
}

void Tunnel::receive_cookie(const CookieMessage& message, Now now) {
  const auto owner = owner_of(message.receiver());
  if (!owner) return count(Drop::kUnknownIndex);
  if (!change(*owner)->accept_cookie(message, now)) count(Drop::kHandshakeRefused);
}

void Tunnel::refused(ByteView quotation, const net::SocketAddress& at, Now now, Actions& actions) {
  const auto index = quoted_initiation(quotation);
  const auto owner = index ? owner_of(*index) : std::nullopt;
  if (owner) change(*owner)->caller().refused(*index, at, now, actions);
}

std::optional<PeerId> Tunnel::owner_of(std::uint32_t index) const {
  const auto found = services_.index_owner.find(index);
  return found == services_.index_owner.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace tunneld::protocol
