// Which address a new client gets: the lowest one that is free, never one that somebody has.

#include "daemon/commands/client_addresses.h"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tunneld::daemon {
namespace {

using testing::ElementsAre;

config::Config server(const std::vector<const char*>& addresses) {
  config::Config config;
  for (const char* address : addresses)
    config.interface.addresses.push_back({*net::IpPrefix::parse(address), {}});
  return config;
}

void add_peer(config::Config& config, const std::vector<const char*>& allowed_ips) {
  config::PeerConfig peer;
  for (const char* network : allowed_ips) peer.allowed_ips.push_back({*net::IpPrefix::parse(network), {}});
  config.peers.push_back(peer);
}

std::vector<std::string> free_of(const config::Config& config, const std::set<net::IpAddress>& taken = {}) {
  std::vector<std::string> words;
  for (const net::IpAddress& address : free_addresses(config, taken)) words.push_back(address.to_string());
  return words;
}

TEST(ClientAddresses, AreTheLowestOfEachNetworkIpv4First) {
  EXPECT_THAT(free_of(server({"fd08::1/64", "10.8.0.1/24"})), ElementsAre("10.8.0.2", "fd08::2"));
  // The server may have any address; the first names the network.
  EXPECT_THAT(free_of(server({"10.8.0.254/24"})), ElementsAre("10.8.0.1"));
}

TEST(ClientAddresses, AreNobodyElses) {
  config::Config config = server({"10.8.0.1/24", "fd08::1/64"});
  add_peer(config, {"10.8.0.2/32", "fd08::3/128", "192.168.0.0/16"});
  add_peer(config, {"10.8.0.4/30"});
  EXPECT_THAT(free_of(config), ElementsAre("10.8.0.3", "fd08::2"));
  EXPECT_THAT(free_of(config, {*net::IpAddress::parse("10.8.0.3"), *net::IpAddress::parse("fd08::2")}),
              ElementsAre("10.8.0.8", "fd08::4"));
}

TEST(ClientAddresses, AreFreeAlthoughADefaultRouteIsBehindAPeer) {
  config::Config config = server({"10.8.0.1/24"});
  add_peer(config, {"0.0.0.0/0"});
  EXPECT_THAT(free_of(config), ElementsAre("10.8.0.2"));
}

TEST(ClientAddresses, EndWithTheNetwork) {
  config::Config config = server({"10.8.0.1/30"});
  EXPECT_THAT(free_of(config), ElementsAre("10.8.0.2"));
  add_peer(config, {"10.8.0.2/32"});
  EXPECT_THAT(free_of(config), ElementsAre());
  EXPECT_THAT(free_of(server({"10.8.0.0/31"})), ElementsAre("10.8.0.1"));
  EXPECT_THAT(free_of(server({"10.8.0.1/32"})), ElementsAre());
  EXPECT_THAT(free_of(server({"255.255.255.254/31"})), ElementsAre("255.255.255.255"));
}

TEST(ClientAddresses, AreAllGivenOutOnceOver) {
  config::Config config = server({"10.8.0.77/24"});
  std::set<std::string> given;
  for (int i = 0; i < 253; ++i) {
    const auto address = free_of(config);
    ASSERT_EQ(address.size(), 1U) << i;
    EXPECT_TRUE(given.insert(address[0]).second) << address[0];
    add_peer(config, {(address[0] + "/32").c_str()});
  }
  EXPECT_TRUE(free_of(config).empty());
  EXPECT_FALSE(given.contains("10.8.0.0") || given.contains("10.8.0.255") || given.contains("10.8.0.77"));
}

TEST(ClientAddresses, ComeFromThePoolWhereThereIsOne) {
  config::Config config = server({"10.8.0.1/16", "fd08::1/64"});
  config.server = {config::ServerConfig(), {}};
  EXPECT_THAT(free_of(config), ElementsAre("10.8.0.2", "fd08::2"));
  for (const char* pool : {"10.8.1.0/30", "10.8.2.0/24"})
    config.server->value.pool.push_back({*net::IpPrefix::parse(pool), {}});
  EXPECT_THAT(free_of(config), ElementsAre("10.8.1.1"));
  // Fixed addresses are taken; where the first network is used up, the second one follows.
  for (const char* address : {"10.8.1.1", "10.8.1.2"}) {
    add_peer(config, {});
    config.peers.back().addresses.push_back({*net::IpAddress::parse(address), {}});
  }
  EXPECT_THAT(free_of(config), ElementsAre("10.8.2.1"));
}

}  // namespace
}  // namespace tunneld::daemon
