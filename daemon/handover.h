// What a run leaves for the next one after a restart of the service, besides the host's changes (the journal) and
// the device (descriptor_store.h): the addresses of its peers, and the configuration from its server. It is in
// RUN_DIRECTORY/IF.handover, JSON, without secrets. Sessions are not handed over: the next run connects to the
// peers, and keeps the server's configuration until the server answers.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/crypto/keys.h"
#include "common/json.h"
#include "common/net/ip_address.h"
#include "common/protocol/config_message.h"

namespace tunneld::daemon {

struct Handover {
  /// A peer's address, and whether it had a session.
  struct Place {
    crypto::PublicKey peer;
    net::SocketAddress address;
    bool session = false;
    bool operator==(const Place&) const = default;
  };
  std::vector<Place> places;
  /// On a client: the configuration from its server.
  struct Configuration {
    crypto::PublicKey server;
    /// The run of the server that has sent it.
    std::uint64_t instance = 0;
    protocol::ConfigMessage message;
    /// See ConfigTerm.
    Instant until{};
    bool operator==(const Configuration&) const = default;
  };
  std::optional<Configuration> configuration;
  /// The port of the sockets, if the configuration does not set it. The next run uses the same one, because NATs
  /// on the path and the firewall of this host already know it. 0: none.
  std::uint16_t port = 0;
  bool operator==(const Handover&) const = default;
};

[[nodiscard]] Json to_json(const Handover& handover);
/// nullopt if it is not what to_json() writes. Skips addresses on interfaces that are gone.
[[nodiscard]] std::optional<Handover> handover_from(const Json& json);

class HandoverFile {
 public:
  explicit HandoverFile(const std::string& interface);

  /// nullopt: there is none from this boot, or others could have written it. Never throws.
  [[nodiscard]] std::optional<Handover> load() const noexcept;
  /// Writes the file if it has changed. A failure is logged once, as a warning.
  void save(const Handover& handover) noexcept;
  void remove() noexcept;

 private:
  std::filesystem::path path_;
  std::optional<Handover> saved_;
  bool told_failed_ = false;
};

}  // namespace tunneld::daemon
