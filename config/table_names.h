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

/// The files that old and new releases of iproute2 read. Throws std::system_error if a directory cannot be
/// read.
[[nodiscard]] std::vector<std::string> routing_table_files();

/// The number of the table called `name`: one that the kernel defines, else the first that `files` (lines of
/// "NUMBER NAME", comments after '#') give it. Missing files are skipped. Throws
/// std::system_error, whose text names the file, if an existing one cannot be read.
[[nodiscard]] std::optional<std::uint32_t> find_routing_table(std::string_view name,
                                                              const std::vector<std::string>& files);

}  // namespace tunneld::config
