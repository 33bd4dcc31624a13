// The sends of a UdpSocket. The rules about errors are at the head of udp_socket.h.
//
// A run is first sent joined (one sendmsg with UDP_SEGMENT). Any refusal but a full buffer passes it to the
// single sends, which handle each datagram by itself; their result then shows what caused the refusal.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/net/address_class.h"
#include "common/net/ip_packet.h"
#include "common/net/udp_socket.h"

namespace tunneld::net {
namespace {

constexpr std::size_t kBatch = 64;         // datagrams of one sendmmsg
constexpr int kMostStale = 4;              // errors of earlier datagrams that one send skips
constexpr std::uint32_t kJoinPause = 256;  // runs sent singly after a refusal before joining is tried again
// After this many refusals by EIO in a row, segmentation counts as lost. A single one may be a temporary
// fault, or concern the route of one peer. It is tried again later, because an outer interface may be
// replaced by a capable one.
constexpr std::uint32_t kJoinsToLose = 3;
constexpr std::uint32_t kLongJoinPause = 16384;

// The kernel returns these errors when the pinned source address has been removed or no longer has a route.
bool may_be_source(int error) {
  return error == EINVAL || error == ENETUNREACH || error == EHOSTUNREACH || error == ENODEV ||
         error == EADDRNOTAVAIL;
}

// The error may come from an earlier datagram; the next call tells. These are EINTR and the errors that ICMP
// codes become (Linux: icmp_err_convert, icmpv6_err_convert). It does not matter whether refusals are heard
// at this moment: the call may have failed a moment ago, when they were.
bool may_be_stale(int error) {
  switch (error) {
    case EINTR:
    case ECONNREFUSED:
    case ECONNRESET:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case EMSGSIZE:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENONET:
    case EACCES:
    case EPROTO:
      return true;
    default:
      return false;
  }
}

SendStatus status_of(int error) {
  switch (error) {
    case EMSGSIZE:
      return SendStatus::kTooLarge;
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
      return SendStatus::kBusy;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENODEV:
    case EADDRNOTAVAIL:
    case EACCES:
    case EPERM:
    case EAFNOSUPPORT:
      return SendStatus::kUnreachable;
    default:
      return SendStatus::kFailed;
  }
}

// An endpoint as the kernel takes it: the name, and the control messages in this order: UDP_SEGMENT, traffic
// class, source. The first and last are left out by moving the ends of the window.
class Destination {
 public:
  /// False if this socket cannot send to the address.
  [[nodiscard]] bool set(const Endpoint& endpoint, std::uint8_t traffic_class, bool has_ipv6) {
    const IpAddress& remote = endpoint.remote.address;
    if (!has_ipv6 && !remote.is_v4()) return false;
    if (has_ipv6) {
      sockaddr_in6 name{};
      name.sin6_family = AF_INET6;
      name.sin6_port = htons(endpoint.remote.port);
      name.sin6_scope_id = endpoint.remote.scope_id;
      write_address(remote, name.sin6_addr.s6_addr);
      std::memcpy(&name_, &name, name_length_ = sizeof name);
    } else {
      sockaddr_in name{};
      name.sin_family = AF_INET;
      name.sin_port = htons(endpoint.remote.port);
      std::memcpy(&name.sin_addr, remote.bytes().data(), 4);
      std::memcpy(&name_, &name, name_length_ = sizeof name);
    }

    source_ = end_ = kSegmentSpace;
    if (traffic_class != 0) {
      const int value = traffic_class;
      if (remote.is_v4()) {
        append(SOL_IP, IP_TOS, value);
      } else {
        append(SOL_IPV6, IPV6_TCLASS, value);
      }
    }
    source_ = end_;
    if (endpoint.local && endpoint.local->family() == remote.family())
      append_source(*endpoint.local, endpoint.local_interface);
    return true;
  }

  [[nodiscard]] bool has_source() const { return end_ != source_; }
  void drop_source() { end_ = source_; }

  /// For a single datagram. The message points into this object.
  [[nodiscard]] msghdr message(iovec& part) { return message_from(kSegmentSpace, part); }
  /// For a run that the kernel is to cut.
  [[nodiscard]] msghdr message(iovec& part, std::uint16_t segment_size) {
    write(0, SOL_UDP, UDP_SEGMENT, segment_size);
    return message_from(0, part);
  }

 private:
  static constexpr std::size_t kSegmentSpace = CMSG_SPACE(sizeof(std::uint16_t));
  static constexpr std::size_t kSpace =
      kSegmentSpace + CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(in6_pktinfo));

  static void write_address(const IpAddress& address, std::uint8_t* out) {
    std::memset(out, 0, 16);
    if (address.is_v4()) {
      out[10] = out[11] = 0xff;
      out += 12;
    }
    std::memcpy(out, address.bytes().data(), address.bytes().size());
  }

  void append_source(const IpAddress& local, std::uint32_t interface) {
    if (local.is_v4()) {
      in_pktinfo info{};
      std::memcpy(&info.ipi_spec_dst, local.bytes().data(), 4);
      append(SOL_IP, IP_PKTINFO, info);
    } else {
      in6_pktinfo info{};
      write_address(local, info.ipi6_addr.s6_addr);
      info.ipi6_ifindex = is_link_local(local) ? interface : 0;
      append(SOL_IPV6, IPV6_PKTINFO, info);
    }
  }

  template <typename T>
  void append(int level, int type, const T& value) {
    write(end_, level, type, value);
    end_ += CMSG_SPACE(sizeof value);
  }

  template <typename T>
  void write(std::size_t at, int level, int type, const T& value) {
    cmsghdr header{};
    header.cmsg_len = CMSG_LEN(sizeof value);
    header.cmsg_level = level;
    header.cmsg_type = type;
    std::memcpy(control_.data() + at, &header, sizeof header);
    std::memcpy(control_.data() + at + CMSG_LEN(0), &value, sizeof value);
  }

  msghdr message_from(std::size_t begin, iovec& part) {
    msghdr message{};
    message.msg_name = &name_;
    message.msg_namelen = name_length_;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = end_ == begin ? nullptr : control_.data() + begin;
    message.msg_controllen = end_ - begin;
    return message;
  }

  sockaddr_in6 name_{};
  socklen_t name_length_ = 0;
  alignas(cmsghdr) std::array<std::uint8_t, kSpace> control_{};
  std::size_t source_ = kSegmentSpace;
  std::size_t end_ = kSegmentSpace;
};

iovec part_of(ByteView bytes) {
  return {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace

// One send_segments call: its destination, its result so far, and how long it may still wait.
struct UdpSocket::Run {
  Destination destination;
  SendResult result;
  int patience = static_cast<int>(kSendPatience.count());

  // After EAGAIN: true when another try is worth it. It waits in steps, because poll() reports room only when
  // half of the buffer is free, while a send needs much less.
  bool wait_for_room(int fd) {
    if (patience <= 0) return false;
    --patience;
    pollfd watched{.fd = fd, .events = POLLOUT, .revents = 0};
    (void)::poll(&watched, 1, 1);
    // A pending error ends the wait at once without making room.
    if (watched.revents == POLLERR) (void)::poll(nullptr, 0, 1);
    return true;
  }

  void drop(std::size_t datagrams, int error) {
    result.dropped += static_cast<std::uint32_t>(datagrams);
    result.status = status_of(error);
  }

  void refuse(std::size_t size) {
    drop(1, EMSGSIZE);
    const auto bytes = static_cast<std::uint32_t>(size);
    result.refused_size = result.refused_size == 0 ? bytes : std::min(result.refused_size, bytes);
  }

  bool forget_source() {
    if (!destination.has_source()) return false;
    destination.drop_source();
    return result.forget_local = true;
  }
};

SendResult UdpSocket::send_segments(const Endpoint& endpoint, ByteView bytes, std::size_t segment_size,
                                    std::uint8_t traffic_class) {
  Run run;
  if (bytes.empty() || segment_size == 0) return run.result;
  if (!run.destination.set(endpoint, traffic_class, has_ipv6_)) {
    run.drop((bytes.size() + segment_size - 1) / segment_size, EAFNOSUPPORT);
    return run.result;
  }
  const std::size_t joined_size =
      std::clamp<std::size_t>(kMaxSendBytes / segment_size, 1, kMaxSegments) * segment_size;
  while (!bytes.empty()) {
    const ByteView chunk = bytes.first(std::min(bytes.size(), joined_size));
    if (chunk.size() > segment_size && may_join()) {
      send_joined(run, chunk, segment_size);
    } else {
      send_singly(run, chunk, segment_size);
    }
    bytes = bytes.subspan(chunk.size());
  }
  return run.result;
}

bool UdpSocket::segments() const {
  return segments_ && join_failures_.load(std::memory_order_relaxed) < kJoinsToLose;
}

// The countdown is not exact when two threads send; it need not be.
bool UdpSocket::may_join() {
  if (!segments_) return false;
  const std::uint32_t pause = join_pause_.load(std::memory_order_relaxed);
  if (pause == 0) return true;
  join_pause_.store(pause - 1, std::memory_order_relaxed);
  return false;
}

void UdpSocket::send_joined(Run& run, ByteView bytes, std::size_t segment_size) {
  const std::size_t datagrams = (bytes.size() + segment_size - 1) / segment_size;
  iovec part = part_of(bytes);
  const msghdr message = run.destination.message(part, static_cast<std::uint16_t>(segment_size));
  int error = 0;
  for (int stale = 0; stale <= kMostStale; ++stale) {
    do {
      error = ::sendmsg(fd_.get(), &message, MSG_DONTWAIT) < 0 ? errno : 0;
    } while (error == EAGAIN && run.wait_for_room(fd_.get()));
    if (!may_be_stale(error)) break;
  }
  if (error == 0) {
    run.result.sent += static_cast<std::uint32_t>(datagrams);
    if (join_failures_.load(std::memory_order_relaxed) != 0)
      join_failures_.store(0, std::memory_order_relaxed);
    return;
  }
  if (status_of(error) == SendStatus::kBusy) {
    run.drop(datagrams, error);
    return;
  }

  const SendResult before = run.result;
  send_singly(run, bytes, segment_size);
  const bool singles_passed =
      run.result.dropped == before.dropped && run.result.forget_local == before.forget_local;
  if (error == EIO && singles_passed) {
    const std::uint32_t failures = join_failures_.fetch_add(1, std::memory_order_relaxed) + 1;
    run.result.segmentation_lost |= failures == kJoinsToLose;
    join_pause_.store(failures < kJoinsToLose ? kJoinPause : kLongJoinPause, std::memory_order_relaxed);
  } else if (error == EINVAL && singles_passed) {
    join_pause_.store(kJoinPause, std::memory_order_relaxed);
  }
}

void UdpSocket::send_singly(Run& run, ByteView bytes, std::size_t segment_size) {
  std::array<mmsghdr, kBatch> headers;
  std::array<iovec, kBatch> parts;
  int stale = 0;
  while (!bytes.empty()) {
    unsigned count = 0;
    for (ByteView rest = bytes; !rest.empty() && count < kBatch; ++count) {
      const ByteView datagram = rest.first(std::min(rest.size(), segment_size));
      parts[count] = part_of(datagram);
      headers[count] = {.msg_hdr = run.destination.message(parts[count]), .msg_len = 0};
      rest = rest.subspan(datagram.size());
    }
    const int sent = ::sendmmsg(fd_.get(), headers.data(), count, MSG_DONTWAIT);
    if (sent > 0) {
      run.result.sent += static_cast<std::uint32_t>(sent);
      bytes = bytes.subspan(std::min(bytes.size(), static_cast<std::size_t>(sent) * segment_size));
      stale = 0;
      continue;
    }

    const int error = errno;
    if (may_be_stale(error) && stale++ < kMostStale) continue;
    if (error == EAGAIN && run.wait_for_room(fd_.get())) continue;
    // The next try may meet other errors of earlier datagrams.
    stale = 0;
    if (may_be_source(error) && run.forget_source()) continue;
    if (error == EMSGSIZE || error == ENOBUFS) {
      error == EMSGSIZE ? run.refuse(parts[0].iov_len) : run.drop(1, error);
      bytes = bytes.subspan(parts[0].iov_len);
      continue;
    }
    // The reason why this datagram was refused applies to the rest of the run as well.
    run.drop((bytes.size() + segment_size - 1) / segment_size, error);
    return;
  }
}

SendResult UdpSocket::send_fragmented(const Endpoint& endpoint, ByteView bytes, std::size_t segment_size,
                                      std::uint8_t traffic_class) {
  const bool ipv6 = !endpoint.remote.address.is_v4();
  if (ipv6) set_fragment_size(static_cast<int>(kIpv6LeastMtu));
  // The kernel cannot segment (UDP_SEGMENT) and fragment at once.
  Run run;
  if (run.destination.set(endpoint, traffic_class, has_ipv6_)) {
    send_singly(run, bytes, segment_size);
  } else {
    run.drop((bytes.size() + segment_size - 1) / segment_size, EAFNOSUPPORT);
  }
  if (ipv6) set_fragment_size(0);
  return run.result;
}

// DF is a property of the socket, not of a message. A second socket would send from another port, whose path
// may differ.
SendStatus UdpSocket::send_probe(const Endpoint& endpoint, ByteView bytes) {
  if (set_path_mtu_probing(true)) return SendStatus::kFailed;
  const SendResult result = send_segments(endpoint, bytes, bytes.size(), 0);
  if (set_path_mtu_probing(false)) return SendStatus::kFailed;
  return result.status;
}

SendResult UdpSocket::send_batch(std::span<Datagram> datagrams) {
  constexpr std::size_t kChunk = 16;  // keeps the stack frame small
  SendResult result;
  std::array<Destination, kChunk> destinations;
  std::array<mmsghdr, kChunk> headers;
  std::array<iovec, kChunk> parts;
  int stale = 0;
  while (!datagrams.empty()) {
    unsigned count = 0;
    int error = 0;
    while (count < std::min(datagrams.size(), kChunk)) {
      Datagram& datagram = datagrams[count];
      if (!destinations[count].set(datagram.endpoint, datagram.traffic_class, has_ipv6_)) {
        error = EAFNOSUPPORT;
        break;
      }
      if (datagram.forget_local) destinations[count].drop_source();
      parts[count] = part_of(datagram.bytes);
      headers[count] = {.msg_hdr = destinations[count].message(parts[count]), .msg_len = 0};
      ++count;
    }
    if (count > 0) {
      const int sent = ::sendmmsg(fd_.get(), headers.data(), count, MSG_DONTWAIT);
      if (sent > 0) {
        for (Datagram& datagram : datagrams.first(static_cast<std::size_t>(sent))) {
          datagram.status = SendStatus::kSent;
        }
        result.sent += static_cast<std::uint32_t>(sent);
        datagrams = datagrams.subspan(static_cast<std::size_t>(sent));
        stale = 0;
        continue;
      }
      error = errno;
    }

    Datagram& refused = datagrams.front();
    if (may_be_stale(error) && stale++ < kMostStale) continue;
    stale = 0;
    if (may_be_source(error) && count > 0 && destinations[0].has_source()) {
      result.forget_local = refused.forget_local = true;
      continue;
    }
    refused.status = result.status = status_of(error);
    ++result.dropped;
    if (error == EMSGSIZE) {
      const auto size = static_cast<std::uint32_t>(refused.bytes.size());
      result.refused_size = result.refused_size == 0 ? size : std::min(result.refused_size, size);
    }
    datagrams = datagrams.subspan(1);
  }
  return result;
}

}  // namespace tunneld::net
