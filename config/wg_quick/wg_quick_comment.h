// Names of peers in the comments of wg-quick files, which have no other place for them.
#pragma once

#include <string>
#include <string_view>

namespace tunneld::config {

struct CommentedName {
  /// A peer's name (is_peer_name()), or empty.
  std::string name;
  /// The comment says that this is the name, as in "# Name = alice": it belongs to the section around it.
  bool is_setting = false;
};

/// `comment` starts with '#'. Taken for names are, as managers of WireGuard and people write them: "# Name =
/// alice", "# friendly_name = alice", "### Client alice", "# BEGIN_PEER alice", and a comment of one to three
/// words that are neither a setting nor a key. What a name cannot hold becomes '-'.
[[nodiscard]] CommentedName name_in_comment(std::string_view comment);

}  // namespace tunneld::config
