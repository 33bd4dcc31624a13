// `persist:` of the interface: a device that outlives the daemon, and to whom it belongs.

#include <limits>

#include <grp.h>
#include <pwd.h>

#include "config/scalars.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

/// The kernel takes the highest number for "nobody in particular".
constexpr std::uint64_t kHighestId = std::numeric_limits<std::uint32_t>::max() - 1;

template <typename Find>
std::optional<std::uint32_t> read_account(const Node& node, const char* what, const Find& find) {
  const auto text = node.text(std::string("the name of a ") + what + " or its number");
  if (!text) return std::nullopt;
  if (const auto number = parse_number(*text)) {
    if (*number <= kHighestId) return static_cast<std::uint32_t>(*number);
  } else if (const std::optional<std::uint32_t> id = find(text->c_str())) {
    return id;
  }
  node.error("there is no " + std::string(what) + " " + in_quotes(*text) + " on this host",
             "make it first, or give its number");
  return std::nullopt;
}

}  // namespace

std::optional<PersistConfig> read_persist(const Node& node) {
  if (!node.is_map()) {
    return read_bool(node).value_or(false) ? std::optional(PersistConfig()) : std::nullopt;
  }
  PersistConfig persist;
  Mapping keys(node);
  if (const auto owner = keys.find("owner")) {
    persist.owner = read_account(*owner, "user", [](const char* name) -> std::optional<std::uint32_t> {
      const passwd* user = getpwnam(name);
      return user != nullptr ? std::optional(user->pw_uid) : std::nullopt;
    });
  }
  if (const auto group_key = keys.find("group")) {
    persist.group = read_account(*group_key, "group", [](const char* name) -> std::optional<std::uint32_t> {
      const group* found = getgrnam(name);
      return found != nullptr ? std::optional(found->gr_gid) : std::nullopt;
    });
  }
  keys.finish();
  return persist;
}

}  // namespace tunneld::config
