// What a run tells the next one of the same service, besides the host's changes (the journal) and the device
// (descriptor_store.h): where its peers were, and what its server had configured. RUN_DIRECTORY/IF.handover,
// JSON, without secrets. The next run has no session of this one; it calls the peers, and until its server
// answers, it keeps what that had given.
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
  /// Of a client.
  struct Configuration {
    crypto::PublicKey server;
    /// Which run of the server has sent it.
    std::uint64_t instance = 0;
    protocol::ConfigMessage message;
    /// See ConfigTerm.
    Instant until{};
    bool operator==(const Configuration&) const = default;
  };
  std::optional<Configuration> configuration;
  /// Of the sockets, where the choice is ours: with the same one, a NAT on the way and the firewall here know
  /// the next run already. 0: none.
  std::uint16_t port = 0;
  bool operator==(const Handover&) const = default;
};

[[nodiscard]] Json to_json(const Handover& handover);
/// nullopt for what to_json() does not write. Places of interfaces that are gone are left out.
[[nodiscard]] std::optional<Handover> handover_from(const Json& json);

class HandoverFile {
 public:
  explicit HandoverFile(const std::string& interface);

  /// nullopt: there is none of this boot, or it could have been written by others. Never throws.
  [[nodiscard]] std::optional<Handover> load() const noexcept;
  /// What does not differ from the last time is not written. A failure is a warning, once.
  void save(const Handover& handover) noexcept;
  void remove() noexcept;

 private:
  std::filesystem::path path_;
  std::optional<Handover> saved_;
  bool told_failed_ = false;
};

}  // namespace tunneld::daemon
