#include "daemon/endpoint_resolver.h"

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
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

net::SocketAddress socket_address(const std::string& text) {
  return *net::SocketAddress::parse(text);
}

/// A resolver whose names lead where the test says, or to nothing at all until it does.
class EndpointResolverTest : public ::testing::Test {
 protected:
  ~EndpointResolverTest() override {
    const std::scoped_lock lock(names_->mutex);
    names_->closing = true;
    names_->changed.notify_all();
  }

  struct Names {
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::string, EndpointResolver::Answer> answers;
    std::map<std::string, unsigned> questions;
    bool closing = false;
  };

  void set(const std::string& name, const EndpointResolver::Answer& answer) {
    const std::scoped_lock lock(names_->mutex);
    names_->answers[name] = answer;
    names_->changed.notify_all();
  }
  void hang(const std::string& name) {
    const std::scoped_lock lock(names_->mutex);
    names_->answers.erase(name);
  }
  [[nodiscard]] unsigned questions(const std::string& name) {
    const std::scoped_lock lock(names_->mutex);
    return names_->questions[name];
  }

  bool run_until(const std::function<bool()>& condition,
                 std::chrono::milliseconds most = std::chrono::seconds(20)) {
    const auto end = std::chrono::steady_clock::now() + most;
    while (!condition() && std::chrono::steady_clock::now() < end) io_.run_for(std::chrono::milliseconds(5));
    return condition();
  }
  bool is_found(const std::vector<std::string>& addresses) {
    return run_until([&] { return found_.size() >= addresses.size(); }) && found_ == addresses;
  }
  void is_quiet() {
    const std::size_t before = found_.size();
    run_until([] { return false; }, std::chrono::milliseconds(200));
    EXPECT_EQ(found_.size(), before) << testing::PrintToString(found_);
  }

  std::shared_ptr<Names> names_ = std::make_shared<Names>();
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  std::vector<std::string> found_;
  std::vector<net::SocketAddress> candidates_;
  EndpointResolver resolver_{
      io_, [this](protocol::PeerId, const auto& address) { found_.push_back(address.to_string()); },
      [names = names_](const config::PeerEndpoint& endpoint) -> EndpointResolver::Answer {
        std::unique_lock lock(names->mutex);
        ++names->questions[endpoint.host];
        names->changed.wait(lock, [&] { return names->closing || names->answers.contains(endpoint.host); });
        return names->closing ? EndpointResolver::Answer{} : names->answers[endpoint.host];
      }};
};

TEST_F(EndpointResolverTest, ANameThatGetsNoAnswerDoesNotHoldTheOthers) {
  set("second", {{socket_address("192.0.2.2:2")}});
  resolver_.add(1, "peer", {{"dead", 1}, {"second", 2}});
  EXPECT_TRUE(is_found({"192.0.2.2:2"}));
  // Nor those that are looked up again.
  set("second", {{socket_address("192.0.2.3:3")}});
  resolver_.refresh(1, socket_address("192.0.2.2:2"));
  EXPECT_TRUE(is_found({"192.0.2.2:2", "192.0.2.3:3"}));
  EXPECT_EQ(questions("dead"), 1U) << "one thread for each endpoint";
  // What comes at last is a candidate, but no reason to leave what is called.
  resolver_.on_candidates([this](protocol::PeerId, const auto& candidates) { candidates_ = candidates; });
  set("dead", {{socket_address("192.0.2.1:1")}});
  EXPECT_TRUE(run_until([this] { return candidates_.size() == 2; }));
  EXPECT_EQ(candidates_.front(), socket_address("192.0.2.1:1")) << "in order";
  is_quiet();
}

TEST_F(EndpointResolverTest, TheFirstInOrderIsCalledFirstThoughItsAnswerComesLater) {
  set("second", {{socket_address("192.0.2.2:2")}});
  resolver_.add(1, "peer", {{"first", 1}, {"second", 2}});
  is_quiet();
  set("first", {{socket_address("192.0.2.1:1")}});
  EXPECT_TRUE(is_found({"192.0.2.1:1"}));
  is_quiet();
}

TEST_F(EndpointResolverTest, TheFirstWaitsForNobody) {
  set("first", {{socket_address("192.0.2.1:1")}});
  const auto begin = std::chrono::steady_clock::now();
  resolver_.add(1, "peer", {{"first", 1}, {"dead", 2}});
  EXPECT_TRUE(is_found({"192.0.2.1:1"}));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(900));
}

TEST_F(EndpointResolverTest, AFailureIsTriedAgainWhileAnotherNameGetsNoAnswer) {
  set("second", {{}, "cannot resolve second"});
  resolver_.add(1, "peer", {{"dead", 1}, {"second", 2}});
  EXPECT_TRUE(run_until([this] { return questions("second") == 1; }));
  set("second", {{socket_address("192.0.2.2:2")}});
  EXPECT_TRUE(is_found({"192.0.2.2:2"}));
  EXPECT_EQ(questions("dead"), 1U);
}

TEST_F(EndpointResolverTest, AFailureIsTriedAgainUntilItIsNone) {
  set("first", {{}, "cannot resolve first"});
  set("second", {{}, "cannot resolve second"});
  resolver_.add(1, "peer", {{"first", 1}, {"second", 2}});
  EXPECT_TRUE(run_until([this] { return questions("first") == 3 && questions("second") == 3; }));
  EXPECT_EQ(resolver_.waiting_for(1), "cannot resolve second");
  EXPECT_TRUE(found_.empty());
  set("first", {{socket_address("192.0.2.1:1")}});
  resolver_.retry_failed();
  EXPECT_TRUE(is_found({"192.0.2.1:1"}));
  EXPECT_EQ(resolver_.waiting_for(1), "");
}

TEST_F(EndpointResolverTest, WhereAPeerIsHeardHoldsUntilItsNamesHaveAnswered) {
  set("first", {{socket_address("192.0.2.1:1")}});
  resolver_.add(1, "peer", {{"first", 1}});
  EXPECT_TRUE(is_found({"192.0.2.1:1"}));
  hang("first");
  resolver_.refresh(1, socket_address("203.0.113.9:9"));
  EXPECT_TRUE(run_until([this] { return questions("first") == 2; }));
  run_until([] { return false; }, std::chrono::milliseconds(1300));
  EXPECT_EQ(found_.size(), 1U) << "what was true before is no news";
  set("first", {{socket_address("192.0.2.7:7")}});
  EXPECT_TRUE(is_found({"192.0.2.1:1", "192.0.2.7:7"}));
}

TEST_F(EndpointResolverTest, WhoLeavesIsCalledAtTheNextEndpointAndLookedUp) {
  set("first", {{socket_address("192.0.2.1:1")}});
  set("second", {{socket_address("192.0.2.2:2")}});
  resolver_.add(1, "peer", {{"first", 1}, {"second", 2}});
  EXPECT_TRUE(is_found({"192.0.2.1:1"}));
  EXPECT_TRUE(run_until([this] { return questions("second") == 1; }));
  is_quiet();
  set("first", {{socket_address("192.0.2.7:7")}});
  resolver_.on_candidates([this](protocol::PeerId, const auto& candidates) { candidates_ = candidates; });
  resolver_.next(1, socket_address("192.0.2.1:1"));
  EXPECT_TRUE(is_found({"192.0.2.1:1", "192.0.2.2:2"}));
  // So that the calls to all go there, too.
  const std::vector<net::SocketAddress> now{socket_address("192.0.2.7:7"), socket_address("192.0.2.2:2")};
  EXPECT_TRUE(run_until([&] { return candidates_ == now; }));
  is_quiet();
}

TEST_F(EndpointResolverTest, AnswersForEndpointsThatAPeerHadBeforeAreNotItsOwn) {
  resolver_.add(1, "peer", {{"old", 1}});
  EXPECT_TRUE(run_until([this] { return questions("old") == 1; }));
  resolver_.remove(1);
  resolver_.add(1, "peer", {{"new", 2}});
  set("old", {{socket_address("192.0.2.1:1")}});
  is_quiet();
  set("new", {{socket_address("192.0.2.2:2")}});
  EXPECT_TRUE(is_found({"192.0.2.2:2"}));
}

}  // namespace
}  // namespace tunneld::daemon
