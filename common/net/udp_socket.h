// The outer UDP socket: one port for IPv4 and IPv6; it sends runs of datagrams with one system call.
//
// One dual-stack IPv6 socket (IPV6_V6ONLY off) serves both families, so that a worker polls one descriptor
// and both families share the port. If the kernel has no IPv6 (ipv6.disable=1) the socket is IPv4. A
// dual-stack socket needs the options of each family: IPv4 datagrams go to v4-mapped addresses, and their
// source, ToS and DF are set by SOL_IP options and messages. The tests cover each of these.
//
// A send leaves from the address that the peer used (Endpoint::local). Only the address is pinned. If the
// interface were named too, the kernel would assume for IPv4 that the peer is on link once the route moves
// elsewhere. A link-local address is meaningless without its interface, so there the interface is named as
// well.
//
// How a send handles errors, so that no caller has to know errno values:
// - EIO to UDP_SEGMENT: the route's device cannot checksum (Linux before 6.11), or a temporary fault.
// Datagrams
//   are sent singly for a while, and for a long while if it happens repeatedly.
// - EINVAL to UDP_SEGMENT: an old driver, or before Linux 6.9 a path smaller than the segment: singly for a
//   while.
// - EMSGSIZE: the run is sent singly; the sizes that fail even then are reported.
// - EINVAL, no route, with a pinned source address: the address is gone. The datagram is sent again without
// it,
//   and the caller is told to forget it.
// - EAGAIN: the socket's buffer is full: waits up to kSendPatience, then drops. Waiting makes the tun queue
//   fill up, which is the only back-pressure that the inner flows can notice. The limit keeps receiving alive
//   (the receive buffer covers that time).
// - ENOBUFS: the device's queue is full, and poll() does not wait for it. The datagram is dropped, as the
// queue
//   would drop it. The kernel reports this only while refusals are heard.
// - ECONNREFUSED and similar concern an earlier datagram: tried again. Every other error that ICMP can cause
// may
//   do so too, and is believed only if it persists. This also holds while no refusals are heard, because the
//   error may date from before that.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <system_error>
#include <vector>

#include "common/bytes.h"
#include "common/net/file_descriptor.h"
#include "common/net/ip_address.h"
#include "common/net/udp_receive.h"

namespace tunneld::net {

struct UdpOptions {
  /// 0: the kernel picks one.
  std::uint16_t port = 0;
  /// Sockets that share the port; the kernel distributes senders over them by a hash of addresses and ports.
  unsigned sockets = 1;
  /// SO_MARK for policy routing; 0 for none. Needs CAP_NET_ADMIN.
  std::uint32_t mark = 0;
  /// UDP_SEGMENT and UDP_GRO. Off for tests and for faulty drivers.
  bool offload = true;
  /// See UdpSocket::set_path_mtu_probing.
  bool probe_path_mtu = false;
  /// Requested per socket and direction, in bytes; without CAP_NET_ADMIN the kernel limits it to
  /// net.core.[rw]mem_max.
  int buffer_size = 7 << 20;
};

enum class SendStatus : std::uint8_t {
  kSent,
  kTooLarge,     // larger than the path MTU where fragmenting is off, or than a UDP datagram can be
  kBusy,         // the socket's buffer or the device's queue stayed full
  kUnreachable,  // no route, device down, or refused by a local firewall
  kFailed,       // anything else
};

/// The result of a send, counted in datagrams.
struct SendResult {
  std::uint32_t sent = 0;
  std::uint32_t dropped = 0;
  /// The smallest datagram that was refused as too large, in bytes of UDP payload; 0 when none was.
  std::uint32_t refused_size = 0;
  /// Why the last dropped datagram was dropped; kSent when none was.
  SendStatus status = SendStatus::kSent;
  /// The pinned source address did not work: the caller has to clear Endpoint::local and local_interface.
  bool forget_local = false;
  /// UDP_SEGMENT has now failed repeatedly and is off; worth one line in the log. It is tried again after a
  /// long while.
  bool segmentation_lost = false;
};

/// A single datagram for send_batch. The last two fields are the result.
struct Datagram {
  Endpoint endpoint;
  ByteView bytes;
  /// The outer ToS or traffic class: DSCP and ECN (0x88 is AF41).
  std::uint8_t traffic_class = 0;
  SendStatus status = SendStatus::kSent;
  bool forget_local = false;
};

/// Sending is thread-safe: the control thread may send handshakes through a worker's socket.
class UdpSocket {
 public:
  /// A full socket buffer delays a sender by this long at most.
  static constexpr std::chrono::milliseconds kSendPatience{20};
  /// Limits of one UDP_SEGMENT send: of Linux before 6.9 (newer ones: 128), and of an IPv4 datagram.
  static constexpr std::size_t kMaxSegments = 64;
  static constexpr std::size_t kMaxSendBytes = 65507;

  UdpSocket(UdpSocket&& other) noexcept;

  /// Sends `bytes` as datagrams of `segment_size` (the last may be shorter), in as few calls as the kernel
  /// allows.
  SendResult send_segments(const Endpoint& endpoint, ByteView bytes, std::size_t segment_size,
                           std::uint8_t traffic_class);
  /// The same for datagrams that are known to be larger than the path: sends them in fragments that fit any
  /// path. With IPv4 the kernel and the routers fragment anyway. Meanwhile larger datagrams of other threads
  /// may be fragmented too.
  SendResult send_fragmented(const Endpoint& endpoint, ByteView bytes, std::size_t segment_size,
                             std::uint8_t traffic_class);
  /// Sends a datagram that must not be fragmented: kTooLarge if the outgoing interface cannot carry it,
  /// whatever path MTU the kernel has learnt. During this call datagrams of other threads are not fragmented
  /// either.
  SendStatus send_probe(const Endpoint& endpoint, ByteView bytes);
  /// Sends datagrams to any endpoints by sendmmsg and fills in the result of each. Never waits for room.
  SendResult send_batch(std::span<Datagram> datagrams);
  std::size_t receive(ReceiveBatch& batch) { return batch.receive(fd_.get()); }

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// False: the host has no IPv6, so IPv6 endpoints are unreachable.
  [[nodiscard]] bool has_ipv6() const { return has_ipv6_; }
  /// Whether runs are sent by UDP_SEGMENT and received by UDP_GRO, for log and status. UDP_SEGMENT may be
  /// lost and come back.
  [[nodiscard]] bool segments() const;
  [[nodiscard]] bool coalesces() const { return coalesces_; }
  /// The size that the kernel granted, in bytes (it reports twice the requested size, to cover its overhead).
  [[nodiscard]] int receive_buffer_size() const;
  [[nodiscard]] int send_buffer_size() const;

  /// Replaces the socket by `fresh` under the same descriptor number, so that other threads can go on using
  /// it. A thread that waits for the descriptor by epoll has to register it again. On an error the socket is
  /// unchanged.
  [[nodiscard]] std::error_code become(const UdpSocket& fresh);

  /// Routing mark of all later sends; 0 for none.
  [[nodiscard]] std::error_code set_mark(std::uint32_t mark);
  /// On: DF is set and the kernel's path MTU cache ignored, so probes of any size leave (RFC 8899); a
  /// datagram larger than the device's MTU is refused. Off (the initial value): the kernel fragments
  /// datagrams that are too large.
  [[nodiscard]] std::error_code set_path_mtu_probing(bool on);

  /// On: ICMP errors about sent datagrams go to the socket's error queue (IP_RECVERR, ip(7)), which has to be
  /// read whenever poll reports an error on the socket. Each such message also makes one later call on the
  /// socket fail; sends and receives here try again and lose nothing. Off (the initial value): the queue is
  /// discarded.
  void hear_refusals(bool on);

 private:
  friend std::vector<UdpSocket> open_udp_sockets(const UdpOptions& options);
  friend std::vector<UdpSocket> open_lane_sockets(UdpOptions options);
  struct Run;

  UdpSocket(const UdpOptions& options, std::uint16_t port, bool shares_port);
  void set_buffer_sizes(int bytes);
  void enable_receive_information();
  void enable_offloads();
  /// IPv6's fragment size; 0: that of the path.
  bool set_fragment_size(int bytes);

  [[nodiscard]] bool may_join();
  void send_joined(Run& run, ByteView bytes, std::size_t segment_size);
  void send_singly(Run& run, ByteView bytes, std::size_t segment_size);

  FileDescriptor fd_;
  std::uint16_t port_ = 0;
  bool has_ipv6_ = false;
  bool coalesces_ = false;
  bool segments_ = false;                         // the kernel knows UDP_SEGMENT, and we may use it
  std::atomic<std::uint32_t> join_pause_ = 0;     // runs still to be sent singly after a refusal
  std::atomic<std::uint32_t> join_failures_ = 0;  // by EIO, since the last run that left joined
};

/// Opens `options.sockets` sockets on one port. Data on a lane n > 0 (common/protocol/lanes.h) arrives at
/// socket (n - 1) mod sockets; the kernel's hash distributes everything else. Throws std::system_error whose
/// text says what to do; the code is EADDRINUSE if another program (or another tunneld) has the port.
[[nodiscard]] std::vector<UdpSocket> open_udp_sockets(const UdpOptions& options);

/// Opens `options.sockets` sockets for sending only, each on a port of its own (`options.port` is ignored).
/// Throws as above.
[[nodiscard]] std::vector<UdpSocket> open_lane_sockets(UdpOptions options);

}  // namespace tunneld::net
