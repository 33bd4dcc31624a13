// Packets per second for compare.py, by a sender and a receiver that batch (UDP_SEGMENT, UDP_GRO:
// linux/udp.h), so that neither of them is what bounds the figure.
//
//   udp_load send ADDRESS PORT SIZE SECONDS    sends datagrams of SIZE bytes as fast as it may; prints how
//   many udp_load count PORT SIZE SECONDS           counts the datagrams of SIZE bytes that arrive in SECONDS
//   from now
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;

void must(bool fine, const char* what) {
  if (fine) return;
  std::perror(what);
  std::exit(1);
}

int open_socket() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  must(fd >= 0, "socket");
  const int bytes = 16 << 20;
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
  return fd;
}

sockaddr_in address(const char* host, const char* port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(static_cast<std::uint16_t>(std::stoul(port)));
  must(inet_pton(AF_INET, host, &result.sin_addr) == 1, "address");
  return result;
}

int send(const sockaddr_in& to, std::size_t size, std::chrono::seconds time) {
  const int fd = open_socket();
  must(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0, "connect");
  const int segment = static_cast<int>(size);
  must(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) == 0, "UDP_SEGMENT");
  const std::size_t segments = std::min<std::size_t>(64, 65507 / size);
  const std::vector<char> bytes(segments * size, 'x');
  std::size_t sent = 0;
  for (const auto end = Clock::now() + time; Clock::now() < end;) {
    for (int i = 0; i < 16; ++i) {
      // ENOBUFS (a full queue) and ECONNREFUSED are the business of whoever counts.
      if (::send(fd, bytes.data(), bytes.size(), 0) > 0) sent += segments;
    }
  }
  std::printf("%zu\n", sent);
  return 0;
}

int count(const char* port, std::size_t size, std::chrono::seconds time) {
  const int fd = open_socket();
  const sockaddr_in any = address("0.0.0.0", port);
  must(::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0, "bind");
  const int on = 1;
  must(setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0, "UDP_GRO");
  std::vector<char> bytes(65536);
  std::size_t received = 0;
  for (const auto end = Clock::now() + time; Clock::now() < end;) {
    pollfd watched{.fd = fd, .events = POLLIN, .revents = 0};
    if (::poll(&watched, 1, 50) != 1) continue;
    for (int i = 0; i < 64; ++i) {
      const ssize_t length = ::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (length <= 0) break;
      received += static_cast<std::size_t>(length);
    }
  }
  std::printf("%zu\n", received / size);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "send" && argc == 6) {
    return send(address(argv[2], argv[3]), std::stoul(argv[4]), std::chrono::seconds(std::stoul(argv[5])));
  }
  if (mode == "count" && argc == 5) {
    return count(argv[2], std::stoul(argv[3]), std::chrono::seconds(std::stoul(argv[4])));
  }
  std::fputs("usage: udp_load send ADDRESS PORT SIZE SECONDS | udp_load count PORT SIZE SECONDS\n", stderr);
  return 2;
}
