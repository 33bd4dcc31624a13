// Accounts of a device's owner: one that is not there, and a host that cannot be asked.
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>

#include "config/parse.h"
#include "tests/unit/config/temporary_files.h"

namespace {
int fault = 0;

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}
}  // namespace

extern "C" passwd* getpwnam(const char* name) {
  if (fault == 0) return real<passwd* (*)(const char*)>("getpwnam")(name);
  errno = fault;
  return nullptr;
}

extern "C" group* getgrnam(const char* name) {
  if (fault == 0) return real<group* (*)(const char*)>("getgrnam")(name);
  errno = fault;
  return nullptr;
}

namespace tunneld::config {
namespace {

using testing::HasSubstr;

std::string errors_with(const std::string& account, int error) {
  const TemporaryFiles files;
  fault = error;
  const ParseResult result = parse_file(files.write(
      "config.yaml", "interface: { name: tun0, private_key_file: a.key, persist: { " + account + " } }\n"));
  fault = 0;
  return result.config ? "" : to_string(result.diagnostics);
}

TEST(Persist, AHostThatCannotBeAskedIsNotTakenForOneWithoutTheAccount) {
  for (const auto& [account, words] :
       {std::pair{"owner: root", "the user 'root'"}, std::pair{"group: root", "the group 'root'"}}) {
    EXPECT_EQ(errors_with(account, 0), "");
    for (const int error : {EMFILE, ENFILE, ENOMEM, EIO}) {
      EXPECT_THAT(errors_with(account, error),
                  HasSubstr(std::string("cannot look up ") + words + ": " + std::strerror(error)));
    }
    // "Not found", in the words of getpwnam(3).
    for (const int error : {ENOENT, ESRCH, EBADF, EPERM})
      EXPECT_THAT(errors_with(account, error), HasSubstr("there is no ")) << error;
  }
}

}  // namespace
}  // namespace tunneld::config
