// `switch:`: what the switch of a tap interface remembers and lets through.

#include "config/scalars.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

constexpr std::uint64_t kMostAddresses = std::uint64_t{1} << 20;
constexpr std::uint64_t kMostFloods = 1'000'000;

constexpr std::string_view kAgeingValues = "a time of whole seconds from 1s to 1d";

std::optional<Duration> read_ageing(const Node& node) {
  const auto text = node.text(kAgeingValues);
  if (!text) return std::nullopt;
  const auto duration = parse_duration(*text);
  const bool is_whole = duration && *duration % std::chrono::seconds(1) == Duration::zero();
  if (is_whole && *duration >= std::chrono::seconds(1) && *duration <= std::chrono::hours(24))
    return duration;
  node.error_expected(kAgeingValues, parse_number(*text) ? "add the unit: " + *text + "s" : "");
  return std::nullopt;
}

constexpr std::string_view kFloodLimitValues = "off or a number from 1 to 1000000";

std::optional<std::uint32_t> read_flood_limit(const Node& node) {
  if (node.is("off")) return 0;
  const auto limit = node.number(1, kMostFloods, kFloodLimitValues);
  return limit ? std::optional(static_cast<std::uint32_t>(*limit)) : std::nullopt;
}

constexpr Option<SwitchConfig> kSwitchOptions[] = {
    {.key = "client_to_client", .value = flag<&SwitchConfig::client_to_client>()},
    {.key = "router_advertisements", .value = flag<&SwitchConfig::router_advertisements>()},
    {.key = "ageing", .values = kAgeingValues, .value = value<&SwitchConfig::ageing, read_ageing>()},
    {.key = "addresses",
     .values = "a number from 16 to 1048576",
     .reload = Reload::kNeedsRestart,
     .value = value<&SwitchConfig::addresses, read_number<std::uint32_t, 16, kMostAddresses>>()},
    {.key = "addresses_per_peer",
     .values = "a number from 1 to 1048576",
     .value = value<&SwitchConfig::addresses_per_peer, read_number<std::uint32_t, 1, kMostAddresses>>()},
    {.key = "flood_limit",
     .values = kFloodLimitValues,
     .value = value<&SwitchConfig::flood_limit, read_flood_limit, kOrOff>()},
};

}  // namespace

Options<SwitchConfig> switch_options() {
  return kSwitchOptions;
}

}  // namespace tunneld::config
