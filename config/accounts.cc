#include "config/accounts.h"

#include <cerrno>
#include <limits>
#include <string>
#include <system_error>
#include <variant>

#include <grp.h>
#include <pwd.h>

#include "config/scalars.h"

namespace tunneld::config {
namespace {

/// To the kernel, the highest number means "nobody in particular".
constexpr std::uint64_t kHighestId = std::numeric_limits<std::uint32_t>::max() - 1;

/// The entry of a name in the host's user database; an errno if the database could not be asked.
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

std::optional<std::uint32_t> read_user(const Node& node) {
  return read_account(node, "user", [](const char* name) {
    const passwd* user = getpwnam(name);
    return user != nullptr ? Account(std::uint32_t{user->pw_uid}) : no_account();
  });
}

std::optional<std::uint32_t> read_group(const Node& node) {
  return read_account(node, "group", [](const char* name) {
    const group* found = getgrnam(name);
    return found != nullptr ? Account(std::uint32_t{found->gr_gid}) : no_account();
  });
}

}  // namespace tunneld::config
