#include "config/routing_table.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "config/scalars.h"

namespace tunneld::config {
namespace {

constexpr std::uint32_t kDefaultTable = 253;  // RT_TABLE_DEFAULT
// No table of names is longer; a file that is, is none.
constexpr int kMostLines = 10'000;

std::optional<std::uint32_t> find_in_file(std::string_view name, const std::string& file) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored)) return std::nullopt;
  std::ifstream lines(file);
  std::string line;
  for (int i = 0; i < kMostLines && std::getline(lines, line); ++i) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string number;
    std::string word;
    if (!(words >> number >> word) || word != name) continue;
    const auto table = parse_mark(number);
    if (table && *table <= std::numeric_limits<std::uint32_t>::max())
      return static_cast<std::uint32_t>(*table);
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> routing_table_files() {
  std::vector<std::string> files;
  for (const std::string base : {"/etc/iproute2", "/usr/share/iproute2", "/usr/lib/iproute2"}) {
    files.push_back(base + "/rt_tables");
    std::vector<std::string> parts;
    std::error_code absent;
    for (const auto& entry : std::filesystem::directory_iterator(base + "/rt_tables.d", absent)) {
      if (entry.path().extension() == ".conf") parts.push_back(entry.path().string());
    }
    std::sort(parts.begin(), parts.end());
    files.insert(files.end(), parts.begin(), parts.end());
  }
  return files;
}

std::optional<std::uint32_t> find_routing_table(std::string_view name,
                                                const std::vector<std::string>& files) {
  if (name == "main") return kMainTable;
  if (name == "local") return kLocalTable;
  if (name == "default") return kDefaultTable;
  for (const std::string& file : files) {
    if (const auto table = find_in_file(name, file)) return table;
  }
  return std::nullopt;
}

}  // namespace tunneld::config
