// Opening and setting up; the sends are in udp_send.cc.
#include "common/net/udp_socket.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/net/holder.h"

namespace tunneld::net {
namespace {

template <typename T>
[[nodiscard]] bool set_option(const FileDescriptor& fd, int level, int option, const T& value) {
  return ::setsockopt(fd.get(), level, option, &value, sizeof value) == 0;
}

[[nodiscard]] int get_option(const FileDescriptor& fd, int level, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  return ::getsockopt(fd.get(), level, option, &value, &length) == 0 ? value : -1;
}

[[nodiscard]] std::error_code last_error() {
  return {errno, std::generic_category()};
}

[[noreturn]] void throw_bind_error(int error, std::uint16_t port) {
  const std::string number = std::to_string(port);
  std::string words = "cannot bind UDP port " + number;
  if (error == EADDRINUSE) {
    const std::string holder = holder_of_udp_port(port);
    words = "UDP port " + number + " is taken by " +
            (holder.empty() ? "another program (`ss -ulnp sport = :" + number + "` names it)" : holder) +
            ": set another listen_port";
  } else if (error == EACCES) {
    words =
        "may not bind UDP port " + number +
        ": ports below 1024 need CAP_NET_BIND_SERVICE; set a higher listen_port, or give it to the service "
        "(AmbientCapabilities=, CapabilityBoundingSet=)";
  }
  throw std::system_error(error, std::generic_category(), words);
}

std::uint16_t bound_port(const FileDescriptor& fd) {
  sockaddr_in6 name{};
  socklen_t length = sizeof name;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&name), &length);
  return ntohs(name.sin6_port);  // at the same place in sockaddr_in
}
static_assert(offsetof(sockaddr_in6, sin6_port) == offsetof(sockaddr_in, sin_port));

/// Directs each lane to its worker. Without it (a kernel before 4.5) the hash of the lane's port decides,
/// which works too but balances less evenly.
void serve_lanes(const FileDescriptor& fd, unsigned sockets) {
  // On the UDP payload, which is a data message: type in byte 0, the counter's highest byte in byte 15.
  // A result beyond the number of sockets leaves the choice to the hash.
  constexpr std::uint32_t kByHash = 0xffffffff;
  std::array program{
      sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 4, 1, 0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 6),
      sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 15),
      sock_filter BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0),
      sock_filter BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 1),
      sock_filter BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, sockets),
      sock_filter BPF_STMT(BPF_RET | BPF_A, 0),
      sock_filter BPF_STMT(BPF_RET | BPF_K, kByHash),
  };
  const sock_fprog filter{.len = static_cast<std::uint16_t>(program.size()), .filter = program.data()};
  (void)set_option(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, filter);
}

}  // namespace

UdpSocket::UdpSocket(UdpSocket&& other) noexcept
    : fd_(std::move(other.fd_)),
      port_(other.port_),
      has_ipv6_(other.has_ipv6_),
      coalesces_(other.coalesces_),
      segments_(other.segments_),
      join_pause_(other.join_pause_.load()),
      join_failures_(other.join_failures_.load()) {}

UdpSocket::UdpSocket(const UdpOptions& options, std::uint16_t port, bool shares_port)
    : fd_(::socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), has_ipv6_(true) {
  if (!fd_.is_open() && errno == EAFNOSUPPORT) {
    has_ipv6_ = false;
    fd_ = FileDescriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  }
  if (!fd_.is_open()) throw std::system_error(last_error(), "cannot open a UDP socket");

  if (has_ipv6_ && !set_option(fd_, SOL_IPV6, IPV6_V6ONLY, 0)) {
    throw std::system_error(last_error(), "cannot open a UDP socket for IPv4 and IPv6 at once");
  }
  if (shares_port && !set_option(fd_, SOL_SOCKET, SO_REUSEPORT, 1)) {
    throw std::system_error(last_error(), "cannot share a UDP port among workers (SO_REUSEPORT)");
  }
  set_buffer_sizes(options.buffer_size);
  enable_receive_information();
  if (options.offload) enable_offloads();
  if (const auto error = set_path_mtu_probing(options.probe_path_mtu)) {
    throw std::system_error(error, "cannot set path MTU discovery of a UDP socket");
  }
  if (options.mark != 0) {
    if (const auto error = set_mark(options.mark)) {
      throw std::system_error(error, "may not set a firewall mark: CAP_NET_ADMIN is needed");
    }
  }

  sockaddr_in6 any6{};
  any6.sin6_family = AF_INET6;
  any6.sin6_port = htons(port);
  sockaddr_in any4{};
  any4.sin_family = AF_INET;
  any4.sin_port = htons(port);
  const int bound = has_ipv6_ ? ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&any6), sizeof any6)
                              : ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&any4), sizeof any4);
  if (bound != 0) throw_bind_error(errno, port);
  port_ = bound_port(fd_);
}

// Optional: the socket works with less, and status shows what was granted.
void UdpSocket::set_buffer_sizes(int bytes) {
  if (!set_option(fd_, SOL_SOCKET, SO_RCVBUFFORCE, bytes)) {
    (void)set_option(fd_, SOL_SOCKET, SO_RCVBUF, bytes);
  }
  if (!set_option(fd_, SOL_SOCKET, SO_SNDBUFFORCE, bytes)) {
    (void)set_option(fd_, SOL_SOCKET, SO_SNDBUF, bytes);
  }
}

// On a dual-stack socket the arrival address of both families comes as IPV6_PKTINFO, but ECN comes in each
// family's own message.
void UdpSocket::enable_receive_information() {
  bool complete = set_option(fd_, SOL_IP, IP_RECVTOS, 1);
  if (has_ipv6_) {
    complete = complete && set_option(fd_, SOL_IPV6, IPV6_RECVPKTINFO, 1) &&
               set_option(fd_, SOL_IPV6, IPV6_RECVTCLASS, 1);
  } else {
    complete = complete && set_option(fd_, SOL_IP, IP_PKTINFO, 1);
  }
  if (!complete) throw std::system_error(last_error(), "cannot learn arrival addresses of a UDP socket");
}

// A kernel before 4.18 ignores UDP_SEGMENT on a send instead of refusing it, so support is queried here.
void UdpSocket::enable_offloads() {
  segments_ = get_option(fd_, SOL_UDP, UDP_SEGMENT) >= 0;
  coalesces_ = set_option(fd_, SOL_UDP, UDP_GRO, 1);
}

int UdpSocket::receive_buffer_size() const {
  return get_option(fd_, SOL_SOCKET, SO_RCVBUF);
}
int UdpSocket::send_buffer_size() const {
  return get_option(fd_, SOL_SOCKET, SO_SNDBUF);
}

std::error_code UdpSocket::set_mark(std::uint32_t mark) {
  return set_option(fd_, SOL_SOCKET, SO_MARK, mark) ? std::error_code() : last_error();
}

std::error_code UdpSocket::become(const UdpSocket& fresh) {
  if (::dup3(fresh.fd(), fd_.get(), O_CLOEXEC) < 0) return last_error();
  port_ = fresh.port_;
  return {};
}

bool UdpSocket::set_fragment_size(int bytes) {
  return set_option(fd_, SOL_IPV6, IPV6_MTU, bytes);
}

std::error_code UdpSocket::set_path_mtu_probing(bool on) {
  if (!set_option(fd_, SOL_IP, IP_MTU_DISCOVER, on ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT))
    return last_error();
  if (has_ipv6_ &&
      !set_option(fd_, SOL_IPV6, IPV6_MTU_DISCOVER, on ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_DONT)) {
    return last_error();
  }
  return {};
}

void UdpSocket::hear_refusals(bool on) {
  (void)set_option(fd_, SOL_IP, IP_RECVERR, on ? 1 : 0);
  if (has_ipv6_) (void)set_option(fd_, SOL_IPV6, IPV6_RECVERR, on ? 1 : 0);
  if (!on) (void)get_option(fd_, SOL_SOCKET, SO_ERROR);  // takes what is left of it
}

// With SO_REUSEPORT any process of the same user can join a port. So the first socket binds without it, which
// fails if another socket has the port, and sets the option only then, for our other sockets.
std::vector<UdpSocket> open_udp_sockets(const UdpOptions& options) {
  std::vector<UdpSocket> sockets;
  sockets.reserve(options.sockets);
  sockets.push_back(UdpSocket(options, options.port, false));
  const UdpSocket& first = sockets.front();
  if (options.sockets > 1 && !set_option(first.fd_, SOL_SOCKET, SO_REUSEPORT, 1)) {
    throw std::system_error(last_error(), "cannot share a UDP port among workers (SO_REUSEPORT)");
  }
  while (sockets.size() < options.sockets) sockets.push_back(UdpSocket(options, first.port(), true));
  if (options.sockets > 1) serve_lanes(first.fd_, options.sockets);
  return sockets;
}

std::vector<UdpSocket> open_lane_sockets(UdpOptions options) {
  constexpr int kNothingComes = 4096;
  std::vector<UdpSocket> sockets;
  options.port = 0;
  while (sockets.size() < options.sockets) {
    sockets.push_back(UdpSocket(options, 0, false));
    (void)set_option(sockets.back().fd_, SOL_SOCKET, SO_RCVBUF, kNothingComes);
  }
  return sockets;
}

}  // namespace tunneld::net
