// `routes:`: where the routes to the peers' allowed IPs go.

#include <limits>
#include <string>
#include <system_error>

#include "config/routing_table.h"
#include "config/scalars.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

constexpr std::string_view kExpectedTable = "main, off, or the number or name of a routing table";

void read_table(const Node& node, RoutesConfig& routes) {
  if (node.is("off")) {
    routes.table = std::nullopt;
    return;
  }
  const auto text = node.text(kExpectedTable);
  if (!text) return;
  const bool is_numeric =
      text->find_first_not_of("0123456789") == std::string::npos || text->starts_with("0x");
  std::optional<std::uint64_t> number = parse_mark(*text);
  if (!is_numeric) {
    try {
      number = find_routing_table(*text, routing_table_files());
    } catch (const std::system_error& error) {
      node.error(std::string("cannot look up the routing table: ") + error.what(),
                 "make it readable, or write the table's number");
      return;
    }
  }
  if (!number && !is_numeric) {
    node.error("no routing table is called " + in_quotes(*text),
               "name it in /etc/iproute2/rt_tables, or write its number");
  } else if (!number || *number == 0 || *number > std::numeric_limits<std::uint32_t>::max()) {
    node.error_expected(kExpectedTable, "numbers are from 1 to 4294967295");
  } else if (*number == kLocalTable) {
    node.error("the table 'local' belongs to the kernel", "use main, or a table of your own");
  } else {
    routes.table = static_cast<std::uint32_t>(*number);
  }
}

void read_metric(const Node& node, RoutesConfig& routes) {
  if (node.is("auto")) return;
  const auto metric =
      node.number(1, std::numeric_limits<std::uint32_t>::max(), "auto or a number from 1 to 4294967295");
  if (metric) routes.metric = static_cast<std::uint32_t>(*metric);
}

}  // namespace

RoutesConfig read_routes(const Node& node) {
  RoutesConfig routes;
  if (node.is("none")) {
    routes.table = std::nullopt;
    return routes;
  }
  if (!node.is_map()) {
    node.error_expected("none or a mapping like { table: main, metric: 50 }");
    return routes;
  }
  Mapping keys(node);
  if (const auto table = keys.find("table")) read_table(*table, routes);
  if (const auto metric = keys.find("metric")) read_metric(*metric, routes);
  keys.finish();
  return routes;
}

}  // namespace tunneld::config
