// Handshakes per second that a server completes, for compare.py --handshakes.
//
//   handshake_load keys N                      prints the public keys of N clients, in base64
//   handshake_load run SERVER_KEY ADDRESS PORT N SECONDS FIRST_SOURCE
//
// `run` is N WireGuard clients in one thread: each sends an initiation, answers a cookie, finishes the
// handshake by the response and confirms it with a keepalive; then it is the next one's turn. 64 are under
// way at a time. Client i sends from address FIRST_SOURCE + i (all must be local addresses), because servers
// under load limit each address. Prints how many handshakes were completed, how many initiations that took,
// and how many cookies came.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/crypto/aead_libsodium.h"
#include "common/crypto/blake2s.h"
#include "common/crypto/keys.h"
#include "common/net/system_clock.h"
#include "common/protocol/cookie.h"
#include "common/protocol/noise_handshake.h"

namespace tunneld {
namespace {

constexpr std::size_t kUnderWay = 64;
constexpr Duration kPatience = std::chrono::milliseconds(200);

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

/// The same at each call of the program: secrets of nobody.
crypto::PrivateKey key_of(std::uint32_t client) {
  std::array<std::uint8_t, 32> bytes{};
  store_le(bytes.data(), client);
  bytes[31] = 0x5a;
  const crypto::Digest digest = crypto::blake2s({bytes});
  return crypto::PrivateKey::from_bytes(std::span<const std::uint8_t, 32>(digest));
}

struct Client {
  Client(std::uint32_t index, const crypto::PublicKey& server)
      : identity(key_of(index)), static_static(identity.private_key.agree(server)), jar(server) {}
  protocol::LocalIdentity identity;
  std::optional<crypto::SymmetricKey> static_static;
  protocol::CookieJar jar;
  std::optional<protocol::InitiatorHandshake> handshake;
  Instant sent{};
};

class Load {
 public:
  Load(const crypto::PublicKey& server, const char* address, const char* port, std::uint32_t clients,
       const char* first_source)
      : server_(server), fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    if (fd_ < 0) fail("socket");
    to_.sin_family = AF_INET;
    to_.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
    in_addr source{};
    if (inet_pton(AF_INET, address, &to_.sin_addr) != 1 || inet_pton(AF_INET, first_source, &source) != 1)
      fail("address");
    first_source_ = ntohl(source.s_addr);
    const int bytes = 16 << 20;
    (void)setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    for (std::uint32_t i = 0; i < clients; ++i) clients_.push_back(std::make_unique<Client>(i, server));
  }

  void run(Duration time) {
    const Instant end = net::boot_now() + time;
    for (Instant now = net::boot_now(); now < end; now = net::boot_now()) {
      while (waiting_.size() < std::min(kUnderWay, clients_.size())) begin(next_++ % clients_.size(), now);
      // What got no answer has been refused or lost: its turn comes again.
      while (!waiting_.empty() && now - clients_[waiting_.front()]->sent > kPatience) {
        clients_[waiting_.front()]->handshake.reset();
        waiting_.pop_front();
      }
      pollfd watched{.fd = fd_, .events = POLLIN, .revents = 0};
      (void)poll(&watched, 1, 10);
      std::array<std::uint8_t, 2048> bytes;
      for (ssize_t got = 0; (got = recv(fd_, bytes.data(), bytes.size(), 0)) > 0;)
        receive(ByteView(bytes).first(static_cast<std::size_t>(got)));
    }
  }

  std::uint64_t completed = 0, initiations = 0, cookies = 0;

 private:
  void begin(std::size_t index, Instant now) {
    Client& client = *clients_[index];
    auto started = protocol::InitiatorHandshake::start(
        client.identity, server_, *client.static_static, static_cast<std::uint32_t>(index),
        protocol::Tai64n::from(net::now().wall), crypto::random_bytes);
    client.handshake = std::move(started->handshake);
    client.sent = now;
    client.jar.add_macs(started->message, now);
    send(index, protocol::as_bytes(started->message));
    waiting_.push_back(index);
    ++initiations;
  }

  void receive(ByteView message) {
    if (protocol::classify(message) == protocol::MessageType::kResponse) {
      const auto response = protocol::ResponseMessage::from(message);
      if (!expected(response.receiver())) return;
      Client& client = *clients_[response.receiver()];
      const auto keys = client.handshake->finish(client.identity, std::nullopt, response);
      if (!keys) return;
      confirm(response.receiver(), response.sender(), *keys);
      ++completed;
      forget(response.receiver());
    } else if (protocol::classify(message) == protocol::MessageType::kCookie) {
      const auto cookie = protocol::CookieMessage::from(message);
      if (!expected(cookie.receiver())) return;
      const Instant now = net::boot_now();
      if (clients_[cookie.receiver()]->jar.consume_reply(cookie, now) != crypto::Verdict::kAuthentic) return;
      ++cookies;
      forget(cookie.receiver());
      begin(cookie.receiver(), now);
    }
  }

  [[nodiscard]] bool expected(std::uint32_t index) const {
    return index < clients_.size() && clients_[index]->handshake.has_value();
  }
  void forget(std::size_t index) {
    clients_[index]->handshake.reset();
    std::erase(waiting_, index);
  }

  /// An empty data message: the responder may use the session only after it.
  void confirm(std::size_t index, std::uint32_t receiver, const protocol::SessionKeys& keys) {
    std::array<std::uint8_t, protocol::kMinDataMessage> bytes{};
    const auto header = protocol::DataHeader::make(protocol::MessageType::kData, receiver, 0);
    std::memcpy(bytes.data(), &header, sizeof header);
    crypto::AeadJob job{.data = bytes.data() + sizeof header, .length = 0, .counter = 0};
    engine_->make_key(crypto::Cipher::kChaCha20Poly1305, keys.send)->seal(std::span(&job, 1));
    send(index, bytes);
  }

  void send(std::size_t index, ByteView bytes) {
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(in_pktinfo))> control{};
    cmsghdr header{};
    header.cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
    header.cmsg_level = SOL_IP;
    header.cmsg_type = IP_PKTINFO;
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = htonl(first_source_ + static_cast<std::uint32_t>(index));
    std::memcpy(control.data(), &header, sizeof header);
    std::memcpy(control.data() + CMSG_LEN(0), &info, sizeof info);
    iovec part{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_name = &to_;
    message.msg_namelen = sizeof to_;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (sendmsg(fd_, &message, 0) < 0 && errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED)
      fail("send");
  }

  const crypto::PublicKey server_;
  int fd_;
  sockaddr_in to_{};
  std::uint32_t first_source_ = 0;
  std::unique_ptr<crypto::AeadEngine> engine_ = crypto::make_libsodium_engine();
  std::vector<std::unique_ptr<Client>> clients_;
  std::deque<std::size_t> waiting_;  ///< in the order of sending
  std::size_t next_ = 0;
};

int run(const std::vector<std::string>& words) {
  crypto::init();
  if (words.size() == 2 && words[0] == "keys") {
    for (std::uint32_t i = 0; i < std::stoul(words[1]); ++i)
      std::printf("%s\n", key_of(i).public_key().to_base64().c_str());
    return 0;
  }
  if (words.size() != 7 || words[0] != "run") {
    std::fputs("handshake_load keys N | run SERVER_KEY ADDRESS PORT N SECONDS FIRST_SOURCE\n", stderr);
    return 2;
  }
  const auto server = crypto::PublicKey::from_base64(words[1]);
  if (!server) return 2;
  Load load(*server, words[2].c_str(), words[3].c_str(), static_cast<std::uint32_t>(std::stoul(words[4])),
            words[6].c_str());
  load.run(std::chrono::seconds(std::stoi(words[5])));
  std::printf("%lu %lu %lu\n", load.completed, load.initiations, load.cookies);
  return 0;
}

}  // namespace
}  // namespace tunneld

int main(int argc, char** argv) {
  return tunneld::run({argv + 1, argv + argc});
}
