#include "common/protocol/peer/roaming_endpoint.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tunneld::protocol {
namespace {

using Move = RoamingEndpoint::Move;

net::Endpoint at(std::uint16_t port) {
  return {.remote = *net::SocketAddress::parse("192.0.2.1:" + std::to_string(port)),
          .local = std::nullopt,
          .local_interface = port};
}

TEST(RoamingEndpoint, IsMovedAsOftenAsThereAreFreshPlaces) {
  Quiescence quiescence;
  RoamingEndpoint endpoint;
  EXPECT_EQ(endpoint.move(nullptr, at(1)), Move::kTooSoon) << "not allowed yet";
  endpoint.allow_move(quiescence);
  EXPECT_EQ(endpoint.move(nullptr, at(1)), Move::kDone);
  EXPECT_EQ(*endpoint.get(), at(1));
  for (std::uint16_t n = 2; n <= RoamingEndpoint::kPlaces; ++n)
    EXPECT_EQ(endpoint.move(endpoint.get(), at(n)), Move::kDone) << n;
  EXPECT_EQ(endpoint.move(endpoint.get(), at(99)), Move::kTooSoon);
  EXPECT_EQ(*endpoint.get(), at(RoamingEndpoint::kPlaces));
  endpoint.allow_move(quiescence);
  EXPECT_EQ(*endpoint.get(), at(RoamingEndpoint::kPlaces)) << "it stays where it is";
  endpoint.allow_move(quiescence);  // changes nothing
  EXPECT_EQ(endpoint.move(endpoint.get(), at(99)), Move::kDone);
  EXPECT_EQ(*endpoint.get(), at(99));
}

TEST(RoamingEndpoint, IsMovedAsOftenAsOneLikesBetweenAFewAddresses) {
  Quiescence quiescence;
  RoamingEndpoint endpoint;
  endpoint.allow_move(quiescence);
  for (std::uint16_t n = 0; n < 100; ++n) {
    EXPECT_EQ(endpoint.move(endpoint.get(), at(n % 3 + 1)), Move::kDone);
    EXPECT_EQ(*endpoint.get(), at(n % 3 + 1));
  }
  EXPECT_EQ(quiescence.waiting(), 0U);
}

TEST(RoamingEndpoint, APlaceThatSomebodyMayBeReadingIsKept) {
  Quiescence quiescence;
  Quiescence::Reader& reader = quiescence.add_reader();
  RoamingEndpoint endpoint;
  endpoint.allow_move(quiescence);
  reader.enter();
  EXPECT_EQ(endpoint.move(nullptr, at(1)), Move::kDone);
  const net::Endpoint* read = endpoint.get();
  for (std::uint16_t n = 2; n < 100; ++n) endpoint.replace(at(n), quiescence);
  EXPECT_EQ(*read, at(1));
  EXPECT_GT(quiescence.waiting(), 0U);
  reader.leave();
  quiescence.reclaim();
  EXPECT_EQ(quiescence.waiting(), 0U);
}

TEST(RoamingEndpoint, AMoveThatWasOvertakenLeavesRoomForTheNext) {
  Quiescence quiescence;
  Quiescence::Reader& reader = quiescence.add_reader();
  RoamingEndpoint endpoint;
  endpoint.allow_move(quiescence);
  endpoint.replace(at(1), quiescence);
  reader.enter();
  const net::Endpoint* known = endpoint.get();
  endpoint.replace(at(2), quiescence);
  EXPECT_EQ(endpoint.move(known, at(3)), Move::kOvertaken);
  EXPECT_EQ(*endpoint.get(), at(2));
  EXPECT_EQ(endpoint.move(endpoint.get(), at(3)), Move::kDone);
  endpoint.replace_if(known, at(4), quiescence);
  EXPECT_EQ(*endpoint.get(), at(3)) << "known is not where it is";
  reader.leave();
}

TEST(RoamingEndpoint, WorkersAndTheControlThreadNeverSeeHalfAnEndpointOrAFreedOne) {
  Quiescence quiescence;
  RoamingEndpoint endpoint;
  endpoint.allow_move(quiescence);
  std::atomic<bool> stop{false};
  std::atomic<unsigned> moved{0}, broken{0};
  std::vector<std::thread> workers;
  for (std::uint16_t worker = 0; worker < 3; ++worker) {
    workers.emplace_back([&, worker, &reader = quiescence.add_reader()] {
      for (std::uint16_t turn = 0; !stop.load(); ++turn) {
        reader.enter();
        for (int packet = 0; packet < 8; ++packet) {
          const net::Endpoint* known = endpoint.get();
          if (known != nullptr && known->remote.port != known->local_interface) broken.fetch_add(1);
          const auto port = static_cast<std::uint16_t>(worker * 20000 + turn % 20000 + 1);
          if (packet == worker && endpoint.move(known, at(port)) == Move::kDone) moved.fetch_add(1);
        }
        reader.leave();
      }
    });
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  for (std::uint16_t turn = 0; std::chrono::steady_clock::now() < end || moved.load() < 100; ++turn) {
    endpoint.allow_move(quiescence);
    if (turn % 8 == 0) endpoint.replace(at(turn), quiescence);
    if (turn % 8 == 4) endpoint.replace_if(endpoint.get(), at(turn), quiescence);
    quiescence.reclaim();
  }
  stop.store(true);
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(broken.load(), 0U);
}

}  // namespace
}  // namespace tunneld::protocol
