#include "config/table_names.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <system_error>

#include "config/scalars.h"

namespace tunneld::config {
namespace {

constexpr std::uint32_t kDefaultTable = 253;  // RT_TABLE_DEFAULT
// No real table of names is longer.
constexpr int kMostLines = 10'000;

std::optional<std::uint32_t> find_in_file(std::string_view name, const std::string& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (status.type() == std::filesystem::file_type::none) throw std::system_error(error, file);
  if (!std::filesystem::is_regular_file(status)) return std::nullopt;
  errno = 0;
  std::ifstream lines(file);
  if (!lines.is_open()) throw std::system_error(errno, std::generic_category(), file);
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
    const std::string directory = base + "/rt_tables.d";
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
      if (entry.path().extension() == ".conf") parts.push_back(entry.path().string());
    }
    if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory)
      throw std::system_error(error, directory);
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
