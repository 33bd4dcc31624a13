// mac1, mac2 and cookies (whitepaper sections 5.3 and 5.4.7). mac1 proves that the sender knows the
// responder's public key; mac2, required while the responder is under load, proves that it owns its source
// address.
#pragma once

#include <array>
#include <optional>

#include "common/clock.h"
#include "common/crypto/aead.h"
#include "common/crypto/blake2s.h"
#include "common/crypto/keys.h"
#include "common/net/ip_address.h"
#include "common/protocol/constants.h"
#include "common/protocol/messages.h"
#include "common/protocol/random_source.h"

namespace tunneld::protocol {

/// The receiver's side: checks messages from strangers, makes cookies.
class CookieChecker {
 public:
  CookieChecker(const crypto::PublicKey& own_key, RandomBytes random);

  /// For any handshake message whose last 32 bytes are mac1 and mac2.
  crypto::Verdict check_mac1(ByteView message) const;
  /// kAuthentic only for a mac2 made with the cookie that this source was given less than 120 s ago.
  crypto::Verdict check_mac2(ByteView message, const net::SocketAddress& source, Instant now);
  [[nodiscard]] CookieMessage make_reply(ByteView message, std::uint32_t receiver_index,
                                         const net::SocketAddress& source, Instant now);

 private:
  void rotate_secret(Instant now);
  [[nodiscard]] crypto::Mac cookie_for(const net::SocketAddress& source) const;

  RandomBytes random_;
  crypto::Digest mac1_key_;
  crypto::Digest cookie_key_;
  crypto::SymmetricKey secret_;
  std::optional<Instant> secret_made_;
};

/// The sender's side, one per peer: adds the macs to messages for the peer, keeps the cookie that it gave us.
class CookieJar {
 public:
  explicit CookieJar(const crypto::PublicKey& peer_key);

  template <typename Message>
  void add_macs(Message& message, Instant now) {
    message.mac1 = crypto::blake2s_mac(mac1_key_, {as_bytes(message).first(offsetof(Message, mac1))});
    last_mac1_ = message.mac1;
    message.mac2 = {};
    if (cookie_ && now - cookie_received_ < kCookieLifetime) {
      message.mac2 = crypto::blake2s_mac(*cookie_, {as_bytes(message).first(offsetof(Message, mac2))});
    }
  }
  /// Opens a reply to the last message that add_macs() was called for; a forged reply changes nothing.
  crypto::Verdict consume_reply(const CookieMessage& reply, Instant now);

 private:
  crypto::Digest mac1_key_;
  crypto::Digest cookie_key_;
  std::optional<crypto::Mac> last_mac1_;
  std::optional<crypto::Mac> cookie_;
  Instant cookie_received_{};
};

}  // namespace tunneld::protocol
