// The run directory must be ours alone.
#include "daemon/host/run_directory.h"

#include <system_error>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/host/run_directory_fixture.h"

namespace tunneld::daemon {
namespace {

TEST(RunDirectory, OfOursIsTaken) {
  const TemporaryRunDirectory ours;
  EXPECT_NO_THROW(make_run_directory());
}

TEST(RunDirectory, ThatOthersCanWriteIsRefused) {
  const TemporaryRunDirectory ours;
  for (const mode_t mode : {0777U, 01777U, 0775U}) {
    ASSERT_EQ(::chmod(run_directory().c_str(), mode), 0);
    EXPECT_THROW(make_run_directory(), std::system_error);
  }
}

TEST(RunDirectory, OfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: chown";
  const TemporaryRunDirectory ours;
  ASSERT_EQ(::chown(run_directory().c_str(), 65534, 65534), 0);
  EXPECT_THROW(make_run_directory(), std::system_error);
  ASSERT_EQ(::chown(run_directory().c_str(), 0, 0), 0);
}

}  // namespace
}  // namespace tunneld::daemon
