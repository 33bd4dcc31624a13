// CONFIG_REQUEST, CONFIG and CONFIG_ACK: a server configures a client (docs/extension.md).
//
// The result of from() is well-formed and could be applied to a host; the client decides elsewhere whether it
// accepts it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/net/ip_address.h"
#include "common/protocol/control_frame.h"

namespace tunneld::protocol {

struct ConfigMessage {
  /// Grows with each change, until the server restarts.
  std::uint64_t serial = 0;
  /// Why this client gets no configuration now; nullopt if it gets one. If set, all fields below are empty.
  enum class Refusal : std::uint8_t {
    kExhausted,  ///< "exhausted": no address is left in the pool
    kStorage,    ///< "storage": the lease cannot be kept
  };
  std::optional<Refusal> refusal;

  /// The client's own addresses; all are host addresses.
  std::vector<net::IpAddress> addresses;
  /// Networks reached through the server; without host bits.
  std::vector<net::IpPrefix> routes;
  std::vector<net::IpAddress> dns_servers;
  /// DNS names without a dot at the end.
  std::vector<std::string> dns_search;
  /// Bytes.
  std::optional<std::uint16_t> mtu;
  /// Seconds; 0 turns it off.
  std::optional<std::uint16_t> keepalive;
  /// How long a client that is not connected keeps its addresses, in seconds.
  std::uint32_t lifetime = 0;

  [[nodiscard]] ControlFrame to_frame() const;
  /// nullopt unless the frame is a complete and sensible CONFIG.
  [[nodiscard]] static std::optional<ConfigMessage> from(const ControlFrame& frame);
  bool operator==(const ConfigMessage&) const = default;
};

[[nodiscard]] ControlFrame config_request();
[[nodiscard]] ControlFrame config_ack(std::uint64_t serial);
[[nodiscard]] std::optional<std::uint64_t> acked_serial(const ControlFrame& frame);

}  // namespace tunneld::protocol
