// Recognises OpenVPN's configuration files, because people who move from OpenVPN give them to `tunneld import`. The two
// VPNs share no keys and no protocol, so there is nothing to import. But what such a file is can be said, and which of
// its lines have a place in a configuration of tunneld.
//
// Profiles hold keys. So only names from our own tables, and values that were read as an address, a network, a host's
// name or a number, are repeated. Nothing inside of <key> and its like is looked at.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"

namespace tunneld::config {

struct OpenvpnProfile {
  /// What was found, where, and what to do instead.
  Diagnostic error;
  /// One for each line that has a place: "line 4: 'redirect-gateway' becomes 'client.accept.default_route: true'".
  std::vector<std::string> options;

  static constexpr std::size_t kMostOptions = 32;
};

/// nullopt: it is none. Decided by its directives; the name `path` counts only where there is a single one. A file with
/// a section of wg-quick's is none.
[[nodiscard]] std::optional<OpenvpnProfile> find_openvpn_profile(std::string_view text,
                                                                 const std::string& path);

}  // namespace tunneld::config
