// `persist:` of the interface: a device that outlives the daemon, to whom it belongs, and how many
// queues it has.

#include <cerrno>
#include <limits>
#include <system_error>
#include <variant>

#include <grp.h>
#include <pwd.h>

#include "config/scalars.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

/// The kernel takes the highest number for "nobody in particular".
constexpr std::uint64_t kHighestId = std::numeric_limits<std::uint32_t>::max() - 1;

/// What the host's user database says of a name; an errno where it could not be asked.
using Account = std::variant<std::uint32_t, std::monostate, int>;

/// Without an entry, errno tells "there is none" from "I could not look" (getpwnam(3), NOTES).
Account no_account() {
  switch (errno) {
    case 0:
    case ENOENT:
    case ESRCH:
    case EBADF:
    case EPERM:
      return std::monostate();
    default:
      return errno;
  }
}

template <typename Find>
std::optional<std::uint32_t> read_account(const Node& node, const char* what, const Find& find) {
  const auto text = node.text(std::string("the name of a ") + what + " or its number");
  if (!text) return std::nullopt;
  if (const auto number = parse_number(*text)) {
    if (*number <= kHighestId) return static_cast<std::uint32_t>(*number);
  } else {
    errno = 0;
    const Account account = find(text->c_str());
    if (const auto* id = std::get_if<std::uint32_t>(&account)) return *id;
    if (const int* error = std::get_if<int>(&account)) {
      node.error("cannot look up the " + std::string(what) + " " + in_quotes(*text) + ": " +
                     std::generic_category().message(*error),
                 "try again, or give its number");
      return std::nullopt;
    }
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
    persist.owner = read_account(*owner, "user", [](const char* name) {
      const passwd* user = getpwnam(name);
      return user != nullptr ? Account(std::uint32_t{user->pw_uid}) : no_account();
    });
  }
  if (const auto group_key = keys.find("group")) {
    persist.group = read_account(*group_key, "group", [](const char* name) {
      const group* found = getgrnam(name);
      return found != nullptr ? Account(std::uint32_t{found->gr_gid}) : no_account();
    });
  }
  if (const auto queues = keys.find("queues")) {
    if (const auto number = queues->number(1, kMostQueues, "a number from 1 to 256"))
      persist.queues = static_cast<unsigned>(*number);
  }
  keys.finish();
  return persist;
}

}  // namespace tunneld::config
