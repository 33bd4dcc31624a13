// What an editor would say with the JSON schema: Python's jsonschema, in a process of its own.
#pragma once

#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include "config/schema.h"
#include "tests/unit/config/temporary_files.h"

namespace tunneld::config {

/// Of files by name, those that the schema refuses, and why. nullopt: python3-jsonschema or python3-yaml is not
/// installed.
inline std::optional<std::map<std::string, std::string>> refused_by_schema(
    const std::map<std::string, std::string>& files) {
  if (std::system("/usr/bin/python3 -c 'import jsonschema, yaml' 2>/dev/null") != 0) return std::nullopt;
  const TemporaryFiles folder;
  const std::string schema = folder.write("schema.json", json_schema().dump());
  for (const auto& [name, text] : files) folder.write("files/" + name, text);
  const std::string command = std::string("/usr/bin/python3 ") + TUNNELD_SOURCE_DIR +
                              "/tests/unit/config/schema_check.py " + schema + ' ' + folder.path("files");
  std::string said;
  FILE* const output = popen(command.c_str(), "r");
  if (output == nullptr) throw std::runtime_error("popen");
  std::array<char, 4096> part;
  while (const std::size_t got = fread(part.data(), 1, part.size(), output)) said.append(part.data(), got);
  if (pclose(output) != 0) throw std::runtime_error("schema_check.py failed");
  std::map<std::string, std::string> refused;
  std::istringstream lines(said);
  for (std::string line; std::getline(lines, line);)
    refused[line.substr(0, line.find(' '))] = line.substr(line.find(' ') + 1);
  return refused;
}

}  // namespace tunneld::config
