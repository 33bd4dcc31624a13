#include "config/scalars.h"

#include <array>
#include <charconv>
#include <limits>

namespace tunneld::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// From large to small, which format_duration() relies on. In nanoseconds.
constexpr std::array kDurationUnits{Unit{"d", 86'400'000'000'000}, Unit{"h", 3'600'000'000'000},
                                    Unit{"m", 60'000'000'000}, Unit{"s", 1'000'000'000},
                                    Unit{"ms", 1'000'000}};
constexpr std::array kSizeUnits{Unit{"", 1}, Unit{"B", 1}, Unit{"KiB", 1U << 10U}, Unit{"MiB", 1U << 20U},
                                Unit{"GiB", 1U << 30U}};

std::optional<std::uint64_t> parse_digits(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <std::size_t N>
std::optional<std::uint64_t> parse_with_unit(std::string_view text, const std::array<Unit, N>& units,
                                             std::uint64_t highest) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<std::uint64_t> number = parse_number(text.substr(0, digits));
  if (!number) return std::nullopt;
  for (const Unit& unit : units) {
    if (unit.name != text.substr(digits)) continue;
    if (*number > highest / unit.factor) return std::nullopt;
    return *number * unit.factor;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return parse_digits(text, 10);
}

std::optional<std::uint64_t> parse_mark(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) return parse_digits(text.substr(2), 16);
  return parse_number(text);
}

std::optional<Duration> parse_duration(std::string_view text) {
  const auto nanoseconds = parse_with_unit(
      text, kDurationUnits, static_cast<std::uint64_t>(std::numeric_limits<Duration::rep>::max()));
  if (!nanoseconds) return std::nullopt;
  return Duration(static_cast<Duration::rep>(*nanoseconds));
}

std::string format_duration(Duration duration) {
  const auto nanoseconds = static_cast<std::uint64_t>(duration.count());
  for (const Unit& unit : kDurationUnits) {
    if (nanoseconds % unit.factor == 0 && nanoseconds > 0) {
      return std::to_string(nanoseconds / unit.factor) + std::string(unit.name);
    }
  }
  return std::to_string(nanoseconds / kDurationUnits.back().factor) + std::string(kDurationUnits.back().name);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  return parse_with_unit(text, kSizeUnits, std::numeric_limits<std::uint64_t>::max());
}

}  // namespace tunneld::config
