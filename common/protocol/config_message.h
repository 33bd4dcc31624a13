// CONFIG_REQUEST, CONFIG and CONFIG_ACK: a server configures a client (docs/extension.md).
//
// What comes out of from() is well-formed and could be put on a host; whether it may be is the client's own
// decision, made elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/net/ip_address.h"
#include "common/protocol/control_frame.h"

namespace tunneld::protocol {

struct ConfigMessage {
  /// Grows with each change within one life of the server.
  std::uint64_t serial = 0;
  /// Why there is nothing for this client now; nullopt where there is. Then all below is empty.
  enum class Refusal : std::uint8_t {
    kExhausted,  ///< "exhausted": no address is left in the pool
    kStorage,    ///< "storage": the lease cannot be kept
  };
  std::optional<Refusal> refusal;

  /// The client's own, hosts' addresses all.
  std::vector<net::IpAddress> addresses;
  /// Reached through the server; without host bits.
  std::vector<net::IpPrefix> routes;
  std::vector<net::IpAddress> dns_servers;
  /// DNS names without a dot at the end.
  std::vector<std::string> dns_search;
  /// Bytes.
  std::optional<std::uint16_t> mtu;
  /// Seconds; 0 turns it off.
  std::optional<std::uint16_t> keepalive;
  /// For how long the addresses stay the client's when it is not connected, seconds.
  std::uint32_t lifetime = 0;

  [[nodiscard]] ControlFrame to_frame() const;
  /// nullopt for anything else than a whole and sensible CONFIG.
  [[nodiscard]] static std::optional<ConfigMessage> from(const ControlFrame& frame);
  bool operator==(const ConfigMessage&) const = default;
};

[[nodiscard]] ControlFrame config_request();
[[nodiscard]] ControlFrame config_ack(std::uint64_t serial);
[[nodiscard]] std::optional<std::uint64_t> acked_serial(const ControlFrame& frame);

}  // namespace tunneld::protocol
