// Handshake messages that were changed or cut on the way: every byte flipped, every length, refused without a
// change of state, so that the genuine message still works afterwards. And keys that no handshake may accept.
#include <gtest/gtest.h>

#include "common/crypto/aead_libsodium.h"
#include "common/protocol/tunnel.h"

namespace tunneld::protocol {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// One end, without a network: what it wants to send stays in `actions`.
struct End {
  explicit End(std::optional<crypto::PrivateKey> private_key = std::nullopt)
      : key(private_key ? std::move(*private_key) : crypto::PrivateKey::generate()),
        plane(4, ThreadPlan(1), crypto::random_bytes),
        tunnel(key.clone(), *engine, crypto::random_bytes, plane, TunnelOptions{}) {}

  void know(const crypto::PublicKey& other, std::optional<crypto::PresharedKey> psk = std::nullopt) {
    PeerOptions options;
    options.public_key = other;
    options.preshared_key = std::move(psk);
    options.endpoint = net::Endpoint{*net::SocketAddress::parse("192.0.2.9:9"), std::nullopt, 0};
    std::vector<PeerOptions> peers;
    peers.push_back(std::move(options));
    peer = tunnel.change_peers({.removed = {}, .allowed_ips = {}, .added = std::move(peers)}, now).front();
  }
  /// Takes the only datagram that waits to be sent.
  Bytes take() {
    EXPECT_EQ(actions.datagrams().size(), 1U);
    if (actions.datagrams().empty()) return {};
    const ByteView bytes = actions.bytes(actions.datagrams().front());
    Bytes copy(bytes.begin(), bytes.end());
    actions.clear();
    return copy;
  }
  void receive(ByteView message) {
    // Beyond the limit of one initiation in 20 ms and of 20 a second from one source.
    now.boot += std::chrono::milliseconds(100);
    tunnel.receive(message, from, now, actions);
  }
  [[nodiscard]] bool quiet() const { return actions.datagrams().empty() && actions.events().empty(); }

  std::unique_ptr<crypto::AeadEngine> engine = crypto::make_libsodium_engine();
  crypto::PrivateKey key;
  DataPlane plane;
  Tunnel tunnel;
  Actions actions;
  PeerId peer = 0;
  Now now{Instant(std::chrono::hours(1)), WallTime(std::chrono::hours(1000))};
  net::Endpoint from{*net::SocketAddress::parse("192.0.2.1:1"), std::nullopt, 0};
};

class HandshakeMessages : public testing::Test {
 protected:
  HandshakeMessages() {
    crypto::init();
    psk_ = crypto::PresharedKey::generate();
    initiator_.know(responder_.key.public_key(), psk_->clone());
    responder_.know(initiator_.key.public_key(), psk_->clone());
    initiator_.tunnel.change(initiator_.peer)->caller().begin(initiator_.now, initiator_.actions);
    initiation_ = initiator_.take();
  }

  /// Every byte changed in turn, every length but the right one.
  template <typename Try>
  static void mutate(const Bytes& genuine, Try&& attempt) {
    for (std::size_t i = 0; i < genuine.size(); ++i) {
      Bytes flipped = genuine;
      flipped[i] ^= static_cast<std::uint8_t>(1U << i % 8);
      attempt(flipped, "byte " + std::to_string(i));
    }
    for (std::size_t length = 0; length < genuine.size(); ++length) {
      attempt(Bytes(genuine.begin(), genuine.begin() + static_cast<std::ptrdiff_t>(length)),
              "length " + std::to_string(length));
    }
    Bytes longer = genuine;
    longer.push_back(0);
    attempt(longer, "one byte more");
  }

  End initiator_, responder_;
  std::optional<crypto::PresharedKey> psk_;
  Bytes initiation_;
};

TEST_F(HandshakeMessages, AChangedInitiationIsRefusedAndTheGenuineOneStillWorks) {
  ASSERT_EQ(initiation_.size(), sizeof(InitiationMessage));
  mutate(initiation_, [this](const Bytes& message, const std::string& what) {
    // mac2 is looked at only under load: a message that differs there alone is genuine.
    if (message.size() == initiation_.size() &&
        std::equal(message.begin(), message.end() - 16, initiation_.begin())) {
      return;
    }
    responder_.receive(message);
    EXPECT_TRUE(responder_.quiet()) << what;
    EXPECT_EQ(responder_.tunnel.peer(responder_.peer).keypairs().next(), nullptr) << what;
  });
  responder_.receive(initiation_);
  EXPECT_EQ(responder_.take().size(), sizeof(ResponseMessage));
}

TEST_F(HandshakeMessages, AChangedResponseIsRefusedAndTheGenuineOneStillWorks) {
  responder_.receive(initiation_);
  const Bytes response = responder_.take();
  const Peer& peer = initiator_.tunnel.peer(initiator_.peer);
  mutate(response, [&](const Bytes& message, const std::string& what) {
    if (message.size() == response.size() &&
        std::equal(message.begin(), message.end() - 16, response.begin()))
      return;
    initiator_.receive(message);
    EXPECT_TRUE(initiator_.quiet()) << what;
    EXPECT_EQ(peer.keypairs().current(), nullptr) << what;
  });
  // With macs that fit again, only the handshake itself can tell.
  for (std::size_t i = 4; i < offsetof(ResponseMessage, mac1); ++i) {
    Bytes bytes = response;
    bytes[i] ^= 1;
    auto forged = ResponseMessage::from(bytes);
    CookieJar(initiator_.key.public_key()).add_macs(forged, initiator_.now.boot);
    if (i < 8) continue;  // the sender's index is not authenticated by itself; a wrong one only misdirects
    initiator_.receive(as_bytes(forged));
    EXPECT_EQ(peer.keypairs().current(), nullptr) << "byte " << i;
  }
  initiator_.actions.clear();
  initiator_.receive(response);
  EXPECT_NE(peer.keypairs().current(), nullptr);
}

TEST_F(HandshakeMessages, AnInitiationWithFreshMacsAndAnyOtherByteChangedIsRefused) {
  for (std::size_t i = 8; i < offsetof(InitiationMessage, mac1); ++i) {
    Bytes bytes = initiation_;
    bytes[i] ^= 1;
    auto forged = InitiationMessage::from(bytes);
    CookieJar(responder_.key.public_key()).add_macs(forged, responder_.now.boot);
    responder_.receive(as_bytes(forged));
    EXPECT_TRUE(responder_.quiet()) << "byte " << i;
  }
  responder_.receive(initiation_);
  EXPECT_EQ(responder_.take().size(), sizeof(ResponseMessage));
}

TEST_F(HandshakeMessages, AChangedCookieReplyIsRefusedAndTheGenuineOneIsUsed) {
  CookieChecker checker(responder_.key.public_key(), crypto::random_bytes);
  const auto initiation = InitiationMessage::from(initiation_);
  const net::SocketAddress source = *net::SocketAddress::parse("192.0.2.1:1");
  const CookieMessage reply =
      checker.make_reply(initiation_, initiation.sender(), source, initiator_.now.boot);
  const ByteView bytes = as_bytes(reply);
  const Bytes genuine(bytes.begin(), bytes.end());
  mutate(genuine, [&](const Bytes& message, const std::string& what) {
    initiator_.receive(message);
    EXPECT_TRUE(initiator_.quiet()) << what;
  });
  initiator_.receive(genuine);
  // The next initiation carries a mac2 made with the cookie.
  initiator_.now.boot += std::chrono::seconds(20);
  initiator_.tunnel.advance(initiator_.now, initiator_.actions);
  ASSERT_FALSE(initiator_.actions.datagrams().empty());
  const ByteView next = initiator_.actions.bytes(initiator_.actions.datagrams().front());
  EXPECT_EQ(checker.check_mac2(next, source, initiator_.now.boot), crypto::Verdict::kAuthentic);
}

TEST_F(HandshakeMessages, ADifferentPresharedKeyMakesNoSession) {
  End stranger;
  stranger.know(initiator_.key.public_key());  // none
  End caller(initiator_.key.clone());
  caller.know(stranger.key.public_key(), crypto::PresharedKey::generate());
  caller.tunnel.change(caller.peer)->caller().begin(caller.now, caller.actions);
  stranger.receive(caller.take());
  caller.receive(stranger.take());
  EXPECT_EQ(caller.tunnel.peer(caller.peer).keypairs().current(), nullptr);
}

TEST_F(HandshakeMessages, LowOrderPeersAreNeverCalled) {
  // RFC 7748 section 6.1 and its references: the points of small order, and their non-canonical forms.
  std::vector<Bytes> points(7, Bytes(32, 0));
  points[1][0] = 1;
  const char* const kOrder8a = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";
  const char* const kOrder8b = "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157";
  for (std::size_t i = 0; i < 32; ++i) {
    points[2][i] = static_cast<std::uint8_t>(std::stoul(std::string(kOrder8a).substr(2 * i, 2), nullptr, 16));
    points[3][i] = static_cast<std::uint8_t>(std::stoul(std::string(kOrder8b).substr(2 * i, 2), nullptr, 16));
  }
  for (std::size_t p = 4; p < 7; ++p) {  // 2^255 - 20, - 19 and - 18: -1, 0 and 1 modulo the prime
    std::fill(points[p].begin(), points[p].end(), 0xff);
    points[p][0] = static_cast<std::uint8_t>(0xec + p - 4);
    points[p][31] = 0x7f;
  }
  for (const Bytes& point : points) {
    End end;
    end.know(crypto::PublicKey(std::span<const std::uint8_t, 32>(point.data(), 32)));
    end.tunnel.change(end.peer)->caller().begin(end.now, end.actions);
    EXPECT_TRUE(end.actions.datagrams().empty());
  }
}

TEST_F(HandshakeMessages, CookiesAreBoundToAddressPortAndTime) {
  CookieChecker checker(responder_.key.public_key(), crypto::random_bytes);
  CookieJar jar(responder_.key.public_key());
  const Instant now = responder_.now.boot;
  auto message = InitiationMessage::from(initiation_);
  const auto source = *net::SocketAddress::parse("192.0.2.1:1000");
  jar.add_macs(message, now);
  EXPECT_EQ(checker.check_mac2(as_bytes(message), source, now), crypto::Verdict::kForged)
      << "no cookie was ever given";
  ASSERT_EQ(jar.consume_reply(checker.make_reply(as_bytes(message), message.sender(), source, now), now),
            crypto::Verdict::kAuthentic);
  jar.add_macs(message, now);

  auto flipped = message;
  flipped.mac2[0] ^= 1;
  EXPECT_EQ(checker.check_mac2(as_bytes(flipped), source, now), crypto::Verdict::kForged);
  for (const char* other : {"192.0.2.2:1000", "192.0.2.1:1001", "[2001:db8::1]:1000"}) {
    EXPECT_EQ(checker.check_mac2(as_bytes(message), *net::SocketAddress::parse(other), now),
              crypto::Verdict::kForged);
  }
  EXPECT_EQ(checker.check_mac2(as_bytes(message), source, now + kCookieLifetime), crypto::Verdict::kForged);
  EXPECT_EQ(checker.check_mac2(as_bytes(message), source, now), crypto::Verdict::kAuthentic);
  EXPECT_EQ(checker.check_mac2(as_bytes(message), source, now + kCookieLifetime - std::chrono::seconds(1)),
            crypto::Verdict::kAuthentic);
}

}  // namespace
}  // namespace tunneld::protocol
