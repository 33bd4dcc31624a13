// The initiator's side of a peer's handshakes: whom an initiation goes to, how long it waits for its
// response, and when the peer is given up.
//
// The whitepaper knows one address and 5 s. Where a name leads to several addresses (call_list.h), the first
// try waits 2 s, and further ones are 5 s apart. All of them are sent the same message, so a peer that is
// reached over two paths takes it once, and the other is a replay; two different ones within a round trip
// would make a stock peer answer the one that we have forgotten.
//
// When the peer has said BYE, or its host says that nobody listens (ICMP, in answer to an initiation), the
// peer is either restarting and back in a moment, or it has moved and its name leads elsewhere: see hurry.h.
//
// ICMP is believed only where it quotes the random index of an initiation that still waits for its response,
// and comes from the address that this one was sent to. Nobody can guess the index without reading our
// datagrams; and whoever can read them gains only that a handshake begins a little earlier. A session, if
// there is one, goes on. While the peer is heard, ICMP is ignored.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "common/protocol/actions.h"
#include "common/protocol/cookie.h"
#include "common/protocol/noise_handshake.h"
#include "common/protocol/peer/call_list.h"
#include "common/protocol/peer/hurry.h"
#include "common/protocol/services.h"

namespace tunneld::protocol {

class Caller {
 public:
  /// All outlive this. `static_static`: nullopt for a key that nothing is ever sent to.
  Caller(PeerLink& link, const crypto::PublicKey& peer_key,
         const std::optional<crypto::SymmetricKey>& static_static, CookieJar& cookies, Services& services);
  ~Caller();
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  /// All addresses that the peer's names resolve to. The first try of a handshake goes to the endpoint, the
  /// others to all of them.
  void set_addresses(std::vector<net::SocketAddress> addresses) { list_.set(std::move(addresses)); }
  /// Begins a handshake unless one is under way; at the earliest 5 s after the last initiation.
  void begin(Now now, Actions& actions);
  /// At the deadline: true if the peer has been called often and long enough, which ends the handshake.
  [[nodiscard]] bool give_up(Now now);
  /// At the deadline otherwise: calls, or calls again.
  void repeat(Now now, Actions& actions);
  /// Calls at another endpoint, at once: nobody there has been called yet. In a handshake that has begun, the
  /// tries so far still count.
  void call_elsewhere(Now now, Actions& actions);
  /// The network has changed: the last initiation left by the old path and is probably lost.
  void network_changed(Now now);

  // Answers.
  [[nodiscard]] bool awaits(std::uint32_t index) const { return pending_ && index == pending_index_; }
  /// The session that a response leads to; null if it does not belong to our initiation, which then goes on
  /// waiting.
  [[nodiscard]] std::unique_ptr<Keypair> finish(const ResponseMessage& response,
                                                const std::optional<crypto::PresharedKey>& preshared_key,
                                                Now now);
  void answered_with_cookie(Now now);
  /// ICMP says that nothing listens at `at`, where the initiation `index` went. Not authenticated: the next
  /// try comes sooner, once per session, and that is all.
  void refused(std::uint32_t index, const net::SocketAddress& at, Now now, Actions& actions);
  /// The host could not send the initiation anywhere: it does not count as sent, and other addresses are tried
  /// at once.
  void unsent(Now now);
  /// The peer has said BYE: it may be back soon.
  void peer_left(Now now);

  /// There is a session, whoever began it.
  void session_up();
  /// Forgets the handshake that is under way.
  void reset();

  [[nodiscard]] bool is_calling() const { return retransmit_at_ != kNever; }
  [[nodiscard]] unsigned attempts() const { return attempts_; }
  [[nodiscard]] Instant deadline() const { return retransmit_at_; }

 private:
  /// Whom an initiation goes to: the endpoint, or all addresses that the peer may be at.
  enum class Reach : std::uint8_t { kEndpoint, kEverywhere };
  void call(Reach reach, Now now, Actions& actions);
  void send(ByteView message, const net::Endpoint& endpoint, Reach reach, Now now, Actions& actions);
  /// How long the initiation that has just been sent waits for its response.
  [[nodiscard]] Duration patience(Now now);
  [[nodiscard]] bool heard_lately(Now now) const;
  [[nodiscard]] bool may_be_elsewhere() const { return list_.leads_elsewhere(link_.endpoint.get()); }
  void drop_pending();

  PeerLink& link_;
  const crypto::PublicKey& peer_key_;
  const std::optional<crypto::SymmetricKey>& static_static_;
  CookieJar& cookies_;
  Services& services_;

  CallList list_;
  Hurry hurry_;
  std::optional<InitiatorHandshake> pending_;
  std::uint32_t pending_index_ = 0;
  unsigned attempts_ = 0;
  bool cookie_used_ = false;
  std::optional<Instant> last_sent_;
  Instant calling_since_{};
  WallTime last_timestamp_{};
  Instant retransmit_at_ = kNever;
};

}  // namespace tunneld::protocol
