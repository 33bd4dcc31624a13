// `routes:`: where the routes to the peers' allowed IPs go.

#include <limits>
#include <string>
#include <system_error>

#include "config/scalars.h"
#include "config/sections.h"
#include "config/table_names.h"

namespace tunneld::config {
namespace {

constexpr std::string_view kTableValues = "main, off, or the number or name of a routing table";

/// nullopt in the inner one sets no routes.
std::optional<std::optional<std::uint32_t>> read_table(const Node& node) {
  if (node.is("off")) return std::make_optional<std::optional<std::uint32_t>>();
  const auto text = node.text(kTableValues);
  if (!text) return std::nullopt;
  const bool is_numeric =
      text->find_first_not_of("0123456789") == std::string::npos || text->starts_with("0x");
  std::optional<std::uint64_t> number = parse_mark(*text);
  if (!is_numeric) {
    try {
      number = find_routing_table(*text, routing_table_files());
    } catch (const std::system_error& error) {
      node.error(std::string("cannot look up the routing table: ") + error.what(),
                 "make it readable, or write the table's number");
      return std::nullopt;
    }
  }
  if (!number && !is_numeric) {
    node.error("no routing table is called " + in_quotes(*text),
               "name it in /etc/iproute2/rt_tables, or write its number");
  } else if (!number || *number == 0 || *number > std::numeric_limits<std::uint32_t>::max()) {
    node.error_expected(kTableValues, "numbers are from 1 to 4294967295");
  } else if (*number == kLocalTable) {
    node.error("the table 'local' belongs to the kernel", "use main, or a table of your own");
  } else {
    return std::make_optional<std::optional<std::uint32_t>>(static_cast<std::uint32_t>(*number));
  }
  return std::nullopt;
}

std::string show_table(const std::optional<std::uint32_t>& table) {
  if (!table) return "off";
  return *table == kMainTable ? "main" : to_yaml(*table);
}

constexpr std::string_view kMetricValues = "auto or a number from 1 to 4294967295";

std::optional<std::uint32_t> read_metric(const Node& node) {
  if (node.is("auto")) return std::nullopt;
  const auto metric = node.number(1, std::numeric_limits<std::uint32_t>::max(), kMetricValues);
  return metric ? std::optional(static_cast<std::uint32_t>(*metric)) : std::nullopt;
}

constexpr Option<RoutesConfig> kRoutesOptions[] = {
    {.key = "table",
     .values = kTableValues,
     .wg_quick = "Table",
     .value = value<&RoutesConfig::table, read_table, show_table>()},
    {.key = "metric", .values = kMetricValues, .value = value<&RoutesConfig::metric, read_metric, kOrAuto>()},
};

}  // namespace

Options<RoutesConfig> routes_options() {
  return kRoutesOptions;
}

bool read_short_routes(const Node& node, RoutesConfig& routes) {
  if (node.is_map()) return false;
  if (node.is("none")) {
    routes.table = std::nullopt;
  } else {
    node.error_expected("none or a mapping like { table: main, metric: 50 }");
  }
  return true;
}

}  // namespace tunneld::config
