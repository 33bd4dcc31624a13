// Who else could change which file a path leads to.
//
// Whoever can change a link or a directory of a path can choose the key at its end. Link farms are common
// where secrets are handed over as directories (Kubernetes: key → ..data/key → ..2026_01/key), so links are
// followed step by step, and only where nobody but trusted users can change them.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include <sys/stat.h>
#include <sys/types.h>

namespace tunneld::config {

/// Empty if only root, the owner of /, this process's user and `also` can change names in this directory;
/// otherwise the reason, as in "belongs to user 1000". In a sticky directory (/tmp) everybody can make names, and nobody can change
/// those of others.
[[nodiscard]] std::string who_changes_names_in(const struct stat& directory,
                                               std::optional<uid_t> also = std::nullopt);

struct UntrustedPath {
  /// The directory or link that is the reason, and what is wrong with it: "belongs to user 1000".
  std::string path;
  std::string reason;
  /// An errno if the path leads nowhere.
  int error = 0;
};

/// The absolute path without links that `path` leads to. Each link belongs to one of
/// these, and nobody else can change names in any directory on the way; the last one is not looked at. That holds afterwards, too, so the result
/// may be opened without a race.
[[nodiscard]] std::variant<std::string, UntrustedPath> follow_links(const std::string& path,
                                                                    std::optional<uid_t> also = std::nullopt);

}  // namespace tunneld::config
