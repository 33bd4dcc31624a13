#include "daemon/host/host_networks.h"

#include <cerrno>
#include <system_error>

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <ifaddrs.h>

namespace {
int fault = 0;
}  // namespace

extern "C" int getifaddrs(ifaddrs** list) noexcept {
  if (fault != 0) {
    errno = fault;
    return -1;
  }
  static const auto real = reinterpret_cast<int (*)(ifaddrs**)>(dlsym(RTLD_NEXT, "getifaddrs"));
  return real(list);
}

namespace tunneld::daemon {
namespace {

TEST(HostNetworks, OfAHostThatCannotBeAskedAreNotNone) {
  EXPECT_NO_THROW((void)host_networks("none", "none"));
  for (const int error : {EMFILE, ENOMEM}) {
    fault = error;
    try {
      (void)host_networks("none", "none");
      ADD_FAILURE() << "nothing was said of " << error;
    } catch (const std::system_error& told) {
      EXPECT_EQ(told.code().value(), error);
    }
    fault = 0;
  }
}

}  // namespace
}  // namespace tunneld::daemon
