// The grammar of DNS names (RFC 1035 section 2.3.1, RFC 1123 section 2.1): asked before a name that somebody
// else wrote goes near a resolver's configuration.
#pragma once

#include <string_view>

namespace tunneld::net {

/// Labels of 1 to 63 letters, digits, '-' or '_' that neither start nor end with '-', joined by dots, 253
/// bytes in all; one dot at the end is allowed. No wildcards, no escapes, and no bare address: the last label
/// is not all digits.
[[nodiscard]] bool is_dns_name(std::string_view name);

}  // namespace tunneld::net
