#include "common/protocol/handshake_admission.h"

#include <cstring>

namespace tunneld::protocol {

std::optional<Drop> HandshakeAdmission::refuses(ByteView message, std::uint32_t sender_index,
                                                const net::Endpoint& from, Instant now, Actions& actions) {
  if (cookies_.check_mac1(message) != crypto::Verdict::kAuthentic) return Drop::kBadMac1;
  if (!load_.under_load(from.remote.address, now)) return std::nullopt;
  if (cookies_.check_mac2(message, from.remote, now) != crypto::Verdict::kAuthentic) {
    const CookieMessage reply = cookies_.make_reply(message, sender_index, from.remote, now);
    const MutableBytes datagram = actions.add_datagram(from, sizeof reply, true);
    std::memcpy(datagram.data(), &reply, sizeof reply);
    return Drop::kUnderLoad;
  }
  if (!limiter_.allow(from.remote.address, now)) return Drop::kUnderLoad;
  return std::nullopt;
}

}  // namespace tunneld::protocol
