// Routing tables by name or number, as `ip route` understands them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/netlink_types.h"

namespace tunneld::config {

using net::kLocalTable;
using net::kMainTable;

/// The files that old and new releases of iproute2 read. Throws std::system_error if a directory cannot be
/// read.
[[nodiscard]] std::vector<std::string> routing_table_files();

/// The number of the table called `name`: one that the kernel defines, else the first that `files` (lines of
/// "NUMBER NAME", comments after '#') give it. Missing files are skipped. Throws
/// std::system_error, whose text names the file, if an existing one cannot be read.
[[nodiscard]] std::optional<std::uint32_t> find_routing_table(std::string_view name,
                                                              const std::vector<std::string>& files);

}  // namespace tunneld::config
