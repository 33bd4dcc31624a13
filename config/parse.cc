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
    if (!diagnostics_.has_errors()) result.config = std::move(config_);
    result.diagnostics = diagnostics_.take();
    return result;
  }

 private:
  void load_main(const std::string& path) {
    const Source source{{std::make_shared<const std::string>(path)}, diagnostics_};
    const auto tree = read_tree(path, source.file, source.file);
    if (!tree) return;
    Mapping keys(Node(*tree, source, path));
    const auto interface = keys.require("interface", "a configuration starts with it; see the examples");
    if (interface) config_.interface = read_interface(*interface, directory_of(path));
    read_shared_keys(keys, path);
    if (const auto routes = keys.find("routes")) config_.routes = read_routes(*routes);
    if (const auto crypto = keys.find("crypto")) config_.crypto = read_crypto(*crypto);
    if (const auto workers = keys.find("workers")) config_.workers = read_workers(*workers);
    if (const auto server = keys.find("server")) config_.server = {read_server(*server), server->at()};
    if (const auto client = keys.find("client")) config_.client = {read_client(*client), client->at()};
    if (const auto groups = keys.find("groups")) config_.groups = read_groups(*groups);
    if (const auto section = keys.find("switch")) {
      config_.ethernet_switch = read_switch(*section);
      if (config_.interface.type != DeviceType::kTap) {
        section->error("'switch' is for a tap, and this is a tun",
                       "set 'type: tap' in 'interface', or remove it");
      }
    }
    if (const auto log = keys.find("log")) config_.log = read_log(*log);
    keys.finish();
  }

  void load_included(const IncludedFile& included) {
    const Source source{{std::make_shared<const std::string>(included.path)}, diagnostics_};
    const auto tree = read_tree(included.path, included.at, source.file);
    if (!tree) return;
    Mapping keys(Node(*tree, source, included.path));
    read_shared_keys(keys, included.path);
    keys.finish();
  }

  /// What included files may have too.
  void read_shared_keys(Mapping& keys, const std::string& path) {
    if (const auto peers = keys.find("peers")) read_peers(*peers, directory_of(path), config_.peers);
    const auto include = keys.find("include");
    if (!include) return;
    if (depth_ == kDeepestInclude) {
      include->error("files include each other more than 8 deep", "include them from the first file");
      return;
    }
    ++depth_;
    for (const IncludedFile& file : read_include(*include, path, added_ ? added_->path : ""))
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

  static Directory directory_of(const std::string& path) {
    std::error_code ignored;
    const auto absolute = std::filesystem::absolute(path, ignored);
    return {absolute.parent_path().string()};
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
