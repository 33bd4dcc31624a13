#include "common/protocol/cookie.h"

#include <string_view>
#include <utility>

namespace tunneld::protocol {
namespace {

crypto::Digest labelled_key(std::string_view label, const crypto::PublicKey& key) {
  return crypto::blake2s(
      {ByteView(reinterpret_cast<const std::uint8_t*>(label.data()), label.size()), key.view()});
}

constexpr std::size_t kMacSize = 16;

ByteView mac1_of(ByteView message) {
  return message.last(2 * kMacSize).first(kMacSize);
}

crypto::Verdict compare(const crypto::Mac& expected, ByteView actual) {
  return crypto::verify_mac(expected, std::span<const std::uint8_t, kMacSize>(actual));
}

}  // namespace

CookieChecker::CookieChecker(const crypto::PublicKey& own_key, RandomBytes random)
    : random_(std::move(random)),
      mac1_key_(labelled_key("mac1----", own_key)),
      cookie_key_(labelled_key("cookie--", own_key)) {}

crypto::Verdict CookieChecker::check_mac1(ByteView message) const {
  return compare(crypto::blake2s_mac(mac1_key_, {message.first(message.size() - 2 * kMacSize)}),
                 mac1_of(message));
}

crypto::Verdict CookieChecker::check_mac2(ByteView message, const net::SocketAddress& source, Instant now) {
  if (!secret_made_ || now - *secret_made_ >= kCookieLifetime) return crypto::Verdict::kForged;
  const crypto::Mac cookie = cookie_for(source);
  return compare(crypto::blake2s_mac(cookie, {message.first(message.size() - kMacSize)}),
                 message.last(kMacSize));
}

CookieMessage CookieChecker::make_reply(ByteView message, std::uint32_t receiver_index,
                                        const net::SocketAddress& source, Instant now) {
  rotate_secret(now);
  CookieMessage reply{};
  reply.type = {3, 0, 0, 0};
  store_le(reply.receiver_index.data(), receiver_index);
  random_(reply.nonce);
  crypto::xseal(reply.sealed_cookie, cookie_for(source), mac1_of(message), cookie_key_, reply.nonce);
  return reply;
}

void CookieChecker::rotate_secret(Instant now) {
  if (secret_made_ && now - *secret_made_ < kCookieLifetime) return;
  random_(secret_.mutable_view());
  secret_made_ = now;
}

crypto::Mac CookieChecker::cookie_for(const net::SocketAddress& source) const {
  std::array<std::uint8_t, 2> port{};
  store_be16(port.data(), source.port);
  return crypto::blake2s_mac(secret_.view(), {source.address.bytes(), port});
}

CookieJar::CookieJar(const crypto::PublicKey& peer_key)
    : mac1_key_(labelled_key("mac1----", peer_key)), cookie_key_(labelled_key("cookie--", peer_key)) {}

crypto::Verdict CookieJar::consume_reply(const CookieMessage& reply, Instant now) {
  crypto::Mac cookie{};
  if (!last_mac1_ || crypto::xopen(cookie, reply.sealed_cookie, *last_mac1_, cookie_key_, reply.nonce) !=
                         crypto::Verdict::kAuthentic) {
    return crypto::Verdict::kForged;
  }
  cookie_ = cookie;
  cookie_received_ = now;
  return crypto::Verdict::kAuthentic;
}

}  // namespace tunneld::protocol
