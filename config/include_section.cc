// `include:`: further files, by name or by pattern.

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

#include <fnmatch.h>
#include <glob.h>

#include "config/sections.h"

namespace tunneld::config {
namespace {

bool is_pattern(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

/// Why glob(3) has given up; it does not tell.
thread_local int glob_error = 0;

/// For glob(3): a missing directory has no files; one that cannot be read may have some.
int is_fatal(const char* /*path*/, int error) {
  glob_error = error;
  return error != ENOENT && error != ENOTDIR ? 1 : 0;
}

/// Names that match, sorted by bytes and not by the locale, so that the order is the same on every machine.
std::vector<std::string> expand(const std::string& pattern, const std::string& pretended, const Node& node) {
  glob_t matches{};
  const auto release = [](glob_t* used) { ::globfree(used); };
  const int status = ::glob(pattern.c_str(), GLOB_NOSORT, is_fatal, &matches);
  const std::unique_ptr<glob_t, decltype(release)> owner(&matches, release);
  std::vector<std::string> names;
  if (!pretended.empty() && ::fnmatch(pattern.c_str(), pretended.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0) {
    names.push_back(pretended);
  }
  if (status == GLOB_NOMATCH) return names;
  if (status != 0) {
    const int error = status == GLOB_NOSPACE ? ENOMEM : glob_error;
    node.error("a directory of the pattern " + in_quotes(pattern) +
                   " cannot be read: " + std::generic_category().message(error),
               error == EACCES ? "make it readable for the user that runs this" : "");
    return {};
  }
  names.insert(names.end(), matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  std::sort(names.begin(), names.end());
  return names;
}

/// The directory's name may contain characters that are special in patterns; they are escaped. The pattern
/// after it is not.
std::string escaped(const std::string& directory) {
  std::string out;
  for (const char c : directory) {
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::vector<IncludedFile> read_include(const Node& node, const std::string& including_file,
                                       const std::string& pretended) {
  const std::filesystem::path directory = std::filesystem::path(including_file).parent_path();
  std::vector<IncludedFile> files;
  for (const Node& item : node.items("a list of file names or patterns like [peers.d/*.yaml]")) {
    const auto text = item.text("a list of file names or patterns like peers.d/*.yaml");
    if (!text) continue;
    if (!is_pattern(*text)) {
      files.push_back({(directory / *text).string(), item.at()});
      continue;
    }
    const bool is_absolute = text->front() == '/';
    const std::string pattern =
        is_absolute || directory.empty() ? *text : escaped(directory.string()) + '/' + *text;
    for (std::string& name : expand(pattern, pretended, item)) files.push_back({std::move(name), item.at()});
  }
  return files;
}

}  // namespace tunneld::config
