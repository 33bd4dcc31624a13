// Joining decrypted packets into superpackets, so that the device is written once per flow and batch instead
// of once per packet (what the kernel calls GRO, before the packets enter it).
//
// Packets stay where they were decrypted until flush(): a superpacket is a list of parts, gathered by one
// writev. The price is that the receive buffers are held for the length of a batch.
//
// Only in-order TCP segments and equal UDP datagrams that could have been cut from one superpacket are
// joined, so that cutting them again gives the same packets: same addresses, ports, ToS with ECN, TTL, DF,
// options, window and acknowledgement; only ACK and PSH set; no fragment, no IP options or extension headers;
// IPv4 IDs counting up unless DF makes them meaningless (RFC 6864). Checksums are verified before joining,
// because the kernel trusts the checksum of a superpacket. A packet that was corrupt before the tunnel is
// delivered alone and still corrupt. The checksum of a packet that stays alone is not computed.
//
// The order within a flow never changes. A packet that cannot be joined closes the open superpacket of its
// flow. A packet whose flow is unknown (a fragment, for example) closes all of them. Superpackets leave in
// the order of their first packets.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <sys/uio.h>

#include "common/bytes.h"
#include "common/net/ip_packet.h"
#include "common/net/virtio_net.h"

namespace tunneld::net {

class Coalescer {
 public:
  /// Packets that one batch may hold; full() then asks for a flush.
  static constexpr std::size_t kMaxPackets = 2048;
  /// Parts of one superpacket.
  static constexpr std::size_t kMaxParts = 128;

  struct Options {
    bool tcp = false;  ///< the device takes TCP superpackets
    bool udp = false;  ///< the device takes UDP superpackets (USO)
  };

  explicit Coalescer(Options options);

  /// `frame`: a link header of `link_header` bytes (0 on a tun), then the IP packet that was parsed as `ip`.
  /// Its bytes (the headers may be changed) must stay until flush(). Precondition: !full().
  void add(MutableBytes frame, const IpPacket& ip, std::size_t link_header = 0);
  /// A frame without an IP packet, delivered in order. Precondition: !full().
  void add(MutableBytes frame);
  /// A frame that belongs to a flow but cannot be joined. No later frame of that flow is delivered before it.
  /// Precondition: !full().
  void add_alone(MutableBytes frame) {
    close_all();
    add(frame);
  }
  [[nodiscard]] bool full() const { return packets_.size() == kMaxPackets; }
  [[nodiscard]] bool empty() const { return packets_.empty(); }

  /// Calls write(const VirtioNetHeader&, std::span<const iovec>) for each superpacket or packet, then empties
  /// the batch.
  template <typename Write>
  void flush(Write&& write) {
    for (const Item& item : items_) {
      const VirtioNetHeader header = finish(item);
      write(header, gather(item));
    }
    items_.clear();
    packets_.clear();
    close_all();
  }

 private:
  static constexpr std::size_t kOpenFlows = 16;
  static constexpr std::uint32_t kNone = UINT32_MAX;
  static constexpr std::size_t kMaxSuperpacket = 65535;
  /// The kernel refuses UDP superpackets of more segments (UDP_MAX_SEGMENTS).
  static constexpr std::size_t kMaxUdpParts = 64;

  struct Packet {
    MutableBytes bytes;
    std::uint32_t next = kNone;
  };
  /// One write to the device: a single packet, or several that are joined.
  struct Item {
    std::uint32_t first, last;  ///< in packets_
    std::uint32_t parts = 1;
    std::uint32_t total = 0;  ///< bytes of the IP packet, headers once
    // Offsets in the first packet.
    std::uint32_t network = 0;
    std::uint32_t transport = 0;
    std::uint32_t payload = 0;  ///< 0: cannot be joined
    std::uint32_t piece = 0;    ///< payload of the first packet
    std::uint32_t next_sequence = 0;
    std::uint16_t next_id = 0;
    std::uint8_t protocol = 0;
    bool ipv4 = false;
    bool push = false;
    bool verified = false;
  };
  /// An item that may still grow. The fingerprint saves comparing with the packets of every other flow.
  struct OpenFlow {
    std::uint64_t fingerprint = 0;
    std::uint32_t item = kNone;
  };

  [[nodiscard]] Item describe(std::uint32_t index, const IpPacket& ip, std::size_t link_header) const;
  [[nodiscard]] bool describe_tcp(Item& item, ByteView transport) const;
  [[nodiscard]] bool describe_udp(Item& item, ByteView transport) const;
  [[nodiscard]] OpenFlow* find_open(std::uint64_t fingerprint, const Item& candidate);
  [[nodiscard]] bool same_flow(const Item& item, const Item& candidate) const;
  [[nodiscard]] bool fits(const Item& item, const Item& candidate) const;
  [[nodiscard]] bool verify(const Item& packet) const;
  [[nodiscard]] bool join(Item& item, const Item& candidate);
  void open(std::uint64_t fingerprint, std::uint32_t item);
  void close_all() { open_.fill({}); }
  [[nodiscard]] VirtioNetHeader finish(const Item& item);
  [[nodiscard]] std::span<const iovec> gather(const Item& item);
  [[nodiscard]] std::uint8_t* first_byte(const Item& item) const { return packets_[item.first].bytes.data(); }

  Options options_;
  std::vector<Packet> packets_;
  std::vector<Item> items_;
  std::array<OpenFlow, kOpenFlows> open_;
  std::size_t next_open_ = 0;  ///< the slot of open_ to replace next
  std::array<iovec, kMaxParts> parts_{};
};

}  // namespace tunneld::net
