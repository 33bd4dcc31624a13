// Numbers, durations and sizes as people write them in a configuration: "51820", "25s", "10MiB".
//
// Stricter than YAML and strtol: no signs, no leading zeros (octal for some), no exponents, no underscores,
// and a duration always has its unit, since a bare "25" has been seconds in one program and minutes in the
// next.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock.h"

namespace tunneld::config {

/// Decimal digits only; nullopt also where 64 bits do not suffice.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);

/// Decimal, or hexadecimal after "0x", as firewall marks are written.
[[nodiscard]] std::optional<std::uint64_t> parse_mark(std::string_view text);

/// A number and one of ms, s, m, h, d; nullopt also beyond 292 years.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);

/// With the largest unit that divides it: "25s", "2m".
[[nodiscard]] std::string format_duration(Duration duration);

/// Bytes: a number alone or followed by B, KiB, MiB or GiB.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace tunneld::config
