// `switch:`: what the switch of a tap interface remembers and lets through.

#include "config/scalars.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

constexpr std::array kYesNo{Word<bool>{"true", true}, Word<bool>{"false", false}};
constexpr std::uint64_t kMostAddresses = std::uint64_t{1} << 20;
constexpr std::uint64_t kMostFloods = 1'000'000;

void read_ageing(const Node& node, SwitchConfig& section) {
  const std::string_view expected = "a time of whole seconds from 1s to 1d";
  const auto text = node.text(expected);
  if (!text) return;
  const auto duration = parse_duration(*text);
  const bool is_whole = duration && *duration % std::chrono::seconds(1) == Duration::zero();
  if (!is_whole || *duration < std::chrono::seconds(1) || *duration > std::chrono::hours(24)) {
    node.error_expected(expected, parse_number(*text) ? "add the unit: " + *text + "s" : "");
    return;
  }
  section.ageing = *duration;
}

}  // namespace

SwitchConfig read_switch(const Node& node) {
  SwitchConfig section;
  Mapping keys(node);
  if (const auto open = keys.find("client_to_client")) {
    section.client_to_client = open->choice(kYesNo).value_or(section.client_to_client);
  }
  if (const auto believed = keys.find("router_advertisements")) {
    section.router_advertisements = believed->choice(kYesNo).value_or(section.router_advertisements);
  }
  if (const auto ageing = keys.find("ageing")) read_ageing(*ageing, section);
  if (const auto addresses = keys.find("addresses")) {
    const auto number = addresses->number(16, kMostAddresses, "a number from 16 to 1048576");
    section.addresses = static_cast<std::uint32_t>(number.value_or(section.addresses));
  }
  if (const auto addresses = keys.find("addresses_per_peer")) {
    const auto number = addresses->number(1, kMostAddresses, "a number from 1 to 1048576");
    section.addresses_per_peer = static_cast<std::uint32_t>(number.value_or(section.addresses_per_peer));
  }
  if (const auto limit = keys.find("flood_limit")) {
    if (limit->is("off")) {
      section.flood_limit = 0;
    } else {
      const auto number = limit->number(1, kMostFloods, "off or a number from 1 to 1000000");
      section.flood_limit = static_cast<std::uint32_t>(number.value_or(section.flood_limit));
    }
  }
  keys.finish();
  return section;
}

}  // namespace tunneld::config
