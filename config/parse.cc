#include "config/parse.h"

#include <filesystem>
#include <set>

#include "config/cross_checks.h"
#include "config/sections.h"
#include "config/source_file.h"
#include "config/yaml_document.h"

namespace tunneld::config {
namespace {

// All files together; bounds what a pattern that matches too much can cost.
constexpr std::size_t kMaxTotalSize = 4 * kMaxFileSize;
constexpr int kDeepestInclude = 8;

class Loader {
 public:
  explicit Loader(const PretendedFile* added = nullptr) : added_(added) {}

  ParseResult run(const std::string& path) {
    load_main(path);
    check_across(config_, diagnostics_);
    ParseResult result;
    if (!config_.interface.name.value.empty()) result.interface_name = config_.interface.name.value;
    if (!diagnostics_.has_errors()) result.config = std::move(config_);
    result.diagnostics = diagnostics_.take();
    return result;
  }

 private:
  void load_main(const std::string& path) {
    const Source source = source_of(path);
    const auto tree = read_tree(path, source.file, source.file);
    if (tree) read_section(Node(*tree, source, path), config_options(), config_);
  }

  void load_included(const IncludedFile& included) {
    const Source source = source_of(included.path);
    const auto tree = read_tree(included.path, included.at, source.file);
    if (tree) read_section(Node(*tree, source, included.path), shared_options(), config_);
  }

  Source source_of(const std::string& path) {
    return {.file = {std::make_shared<const std::string>(path)},
            .diagnostics = diagnostics_,
            .directory = directory_of(path),
            .include = [this, path](const Node& node) { load_what_is_included(node, path); }};
  }

  void load_what_is_included(const Node& include, const std::string& path) {
    if (depth_ == kDeepestInclude) {
      include.error("files include each other more than 8 deep", "include them from the first file");
      return;
    }
    ++depth_;
    for (const IncludedFile& file : read_include(include, path, added_ ? added_->path : ""))
      load_included(file);
    --depth_;
  }

  /// Problems with the file as such are reported at `asked_at`, problems in it in the file itself.
  std::optional<YamlNode> read_tree(const std::string& path, const Location& asked_at, const Location& file) {
    if (added_ && path == added_->path) return parse_yaml(added_->text, file, diagnostics_);
    auto source = read_source_file(path, asked_at, diagnostics_);
    if (!source) return std::nullopt;
    if (!loaded_.insert(source->id).second) {
      diagnostics_.error(asked_at, in_quotes(path) + " is included a second time, or includes itself",
                         "name each file once, and never the one that includes it");
      return std::nullopt;
    }
    total_size_ += source->text.size();
    if (total_size_ > kMaxTotalSize) {
      diagnostics_.error(asked_at, "the included files have more than 16 MiB in all", "include fewer");
      return std::nullopt;
    }
    return parse_yaml(std::move(source->text), file, diagnostics_);
  }

  /// Absolute.
  static std::string directory_of(const std::string& path) {
    std::error_code ignored;
    const auto absolute = std::filesystem::absolute(path, ignored);
    return absolute.parent_path().string();
  }

  const PretendedFile* added_;
  Config config_;
  Diagnostics diagnostics_;
  std::set<FileId> loaded_;
  std::size_t total_size_ = 0;
  int depth_ = 0;
};

}  // namespace

ParseResult parse_file(const std::string& path) {
  return Loader().run(path);
}

ParseResult parse_file(const std::string& path, const PretendedFile& added) {
  return Loader(&added).run(path);
}

}  // namespace tunneld::config
