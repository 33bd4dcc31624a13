#include "daemon/endpoint_resolver.h"

#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netdb.h>

namespace tunneld::daemon {
namespace {

using testing::HasSubstr;

TEST(EndpointResolver, TellsWhatKeptItFromAsking) {
  EXPECT_EQ(words_of_lookup_error(EAI_SYSTEM, EMFILE), "Too many open files");
  EXPECT_EQ(words_of_lookup_error(EAI_SYSTEM, EIO), "Input/output error");
  // The library's own words for it would send people to their name server.
  EXPECT_THAT(words_of_lookup_error(EAI_AGAIN, EMFILE), HasSubstr("(Too many open files)"));
  EXPECT_THAT(words_of_lookup_error(EAI_NONAME, ENFILE), HasSubstr("(Too many open files in system)"));
}

TEST(EndpointResolver, LeavesOutWhatHasNothingToDoWithIt) {
  for (const int error : {0, ENOENT, EAGAIN, ECONNREFUSED})
    EXPECT_EQ(words_of_lookup_error(EAI_NONAME, error), gai_strerror(EAI_NONAME)) << error;
}

}  // namespace
}  // namespace tunneld::daemon
