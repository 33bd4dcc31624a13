#include "daemon/endpoint_resolver.h"

#include <cerrno>
#include <chrono>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
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

TEST(EndpointResolver, TellsThatAnAddressesInterfaceIsNotThere) {
  boost::asio::io_context io;
  std::vector<net::SocketAddress> found;
  EndpointResolver resolver(
      io, [&found](protocol::PeerId, const net::SocketAddress& address) { found.push_back(address); });
  const auto work = boost::asio::make_work_guard(io);  // until the threads answer, there is none
  resolver.add(1, "there", {{"fe80::1%lo", 51820}});
  resolver.add(2, "gone", {{"fe80::1%nosuchdevice", 51820}});
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while ((found.empty() || resolver.waiting_for(2).find("interface") == std::string::npos) &&
         std::chrono::steady_clock::now() < until)
    io.run_for(std::chrono::milliseconds(20));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].to_string(), "[fe80::1%lo]:51820");
  EXPECT_THAT(resolver.waiting_for(2),
              HasSubstr("cannot use fe80::1%nosuchdevice: this host has no such interface"));
}

}  // namespace
}  // namespace tunneld::daemon
