// Joining decrypted packets into superpackets, so that the device is written once per flow and batch instead
// of once per packet (what the kernel calls GRO, before the packets enter it).
//
// Packets stay where they were decrypted until flush(): a superpacket is a list of parts, gathered by one
// writev. The price is that the receive buffers are held for the length of a batch.
//
// Joined are in-order TCP segments and equal UDP datagrams that could have been cut from one superpacket, so
// that cutting them again gives the same packets: same addresses, ports, ToS with ECN, TTL, DF, options,
// window and acknowledgement; only ACK and PSH set; no fragment, no IP options; IPv4 IDs counting up unless
// DF. Checksums are verified before joining, because the kernel trusts the one of a superpacket: a packet
// that was corrupt before the tunnel is delivered corrupt, alone. Order within a flow never changes: a packet
// that cannot be joined closes what its flow has open, and superpackets leave in the order of their first
// packets.
#pragma once

#include <array>
#include <cstring>
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

  /// `packet`: exactly one valid IP packet, as parsed in `ip`. Its bytes (the headers may be changed) must
  /// stay until flush(). Precondition: !full().
  void add(MutableBytes packet, const IpPacket& ip);
  [[nodiscard]] bool full() const { return packets_.size() == kMaxPackets; }
  [[nodiscard]] bool empty() const { return packets_.empty(); }

  /// Calls write(const VirtioNetHeader&, std::span<const iovec>) for each superpacket or packet, and starts
  /// anew.
  template <typename Write>
  void flush(Write&& write) {
    for (Item& item : items_) {
      const VirtioNetHeader header = finish(item);
      write(header, gather(item));
    }
    items_.clear();
    packets_.clear();
    open_.fill(kNone);
  }

 private:
  static constexpr std::size_t kOpenFlows = 16;
  static constexpr std::uint32_t kNone = UINT32_MAX;
  static constexpr std::size_t kMaxSuperpacket = 65535;
  /// The kernel refuses UDP superpackets of more (UDP_MAX_SEGMENTS).
  static constexpr std::size_t kMaxUdpParts = 64;

  using FlowKey = std::array<std::uint8_t, 37>;  ///< protocol, addresses, ports
  enum class Verified : std::uint8_t { kUnknown, kGood, kBad };

  struct Packet {
    MutableBytes bytes;
    std::uint32_t next = kNone;
  };
  struct Item {
    std::uint32_t first, last;  ///< in packets_
    std::uint32_t parts = 1;
    std::size_t total = 0;    ///< bytes, headers once
    std::size_t headers = 0;  ///< IP and transport headers; 0 where nothing can be joined
    std::size_t ip_header = 0;
    std::size_t piece = 0;  ///< payload of the first packet
    std::uint32_t next_sequence = 0;
    std::uint16_t next_id = 0;
    std::uint8_t protocol = 0;
    Verified verified = Verified::kUnknown;
    bool push = false;
    FlowKey key{};
  };

  [[nodiscard]] bool describe(MutableBytes packet, const IpPacket& ip, Item& item) const;
  [[nodiscard]] bool joins(const Item& item, const Item& candidate, ByteView packet,
                           const IpPacket& ip) const;
  [[nodiscard]] static bool checksums_hold(ByteView packet, const IpPacket& ip);
  [[nodiscard]] static bool closes(const Item& item, const Item& candidate);
  [[nodiscard]] VirtioNetHeader finish(Item& item);
  [[nodiscard]] std::span<const iovec> gather(const Item& item);
  static bool key_of(MutableBytes packet, const IpPacket& ip, FlowKey& key);

  Options options_;
  std::vector<Packet> packets_;
  std::vector<Item> items_;
  std::array<std::uint32_t, kOpenFlows> open_;  ///< items that may still grow
  std::size_t next_open_ = 0;
  std::array<iovec, kMaxParts> parts_{};
};

}  // namespace tunneld::net
