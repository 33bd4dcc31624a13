// The grammar of DNS names (RFC 1035 section 2.3.1, RFC 1123 section 2.1). Names from elsewhere are checked
// before they reach a resolver's configuration.
#pragma once

#include <string_view>

namespace tunneld::net {

/// Labels of 1 to 63 letters, digits, '-' or '_', joined by dots, 253 bytes in all. A label neither starts
/// nor ends with '-'. One dot at the end is allowed. No wildcards, no escapes, and no plain address: the last
/// label must not be all digits.
[[nodiscard]] bool is_dns_name(std::string_view name);

}  // namespace tunneld::net
