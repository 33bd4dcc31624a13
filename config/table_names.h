// Routing tables by name or number, as `ip route` understands them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tunneld::config {

inline constexpr std::uint32_t kMainTable = 254;   // RT_TABLE_MAIN
inline constexpr std::uint32_t kLocalTable = 255;  // RT_TABLE_LOCAL, which the kernel fills itself

/// Where iproute2 looks, old and new. Throws std::system_error where a directory of theirs cannot be read.
[[nodiscard]] std::vector<std::string> routing_table_files();

/// The number of the table called `name`: one that the kernel defines, else the first that `files` (lines of
/// "NUMBER NAME", comments after '#') give it. Files that are absent are skipped. Throws
/// std::system_error, whose text names it, where one that is there cannot be read.
[[nodiscard]] std::optional<std::uint32_t> find_routing_table(std::string_view name,
                                                              const std::vector<std::string>& files);

}  // namespace tunneld::config
