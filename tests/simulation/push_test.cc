#include "tests/simulation/push_office.h"

namespace tunneld::simulation {
namespace {

TEST(Push, ReachesEveryClientOverALossyNetwork) {
  Office office(1, 4);
  office.network.loss = 0.2;
  office.network.duplicate = 0.1;
  office.run_for(10min);
  std::set<net::IpAddress> used;
  for (const auto& client : office.clients) {
    ASSERT_EQ(client->side->accepted().addresses.size(), 1U);
    EXPECT_TRUE(used.insert(client->side->accepted().addresses[0]).second);
  }
  for (const char* route : {"192.168.1.0/24", "192.168.2.0/24", "192.168.3.0/24"}) {
    office.push_route(route);
    office.run_for(10min);
    for (const auto& client : office.clients) EXPECT_TRUE(Office::has(*client, route)) << route;
  }
  EXPECT_EQ(office.network.violation, "");
}

TEST(Push, LeasesReadFromDiskAreTheSameAddresses) {
  Office office(2, 3);
  office.run_for(2min);
  std::vector<net::IpAddress> before;
  for (const auto& client : office.clients) before.push_back(client->side->accepted().addresses.at(0));
  office.server.side->stop(office.network.now());
  office.server.start();
  office.run_for(10min);
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(office.clients[i]->side->accepted().addresses.at(0), before[i]);
    const daemon::Lease* lease = office.server.side->pool().find(office.clients[i]->node->key.public_key());
    ASSERT_NE(lease, nullptr);
    EXPECT_EQ(lease->addresses, std::vector{before[i]});
  }
}

TEST(Push, TheAgeOfALeaseIsThatOfTheBootClock) {
  Office office(17, 1);
  office.run_for(5min, 1s);
  office.network.on_wire = [](const Node&, ByteView) { return false; };
  // Until its session is over, it counts as seen.
  office.run_for(10min, 1s);
  const auto age = [&office] {
    return office.server.side->status(office.network.now())["leases"]
        .at(0)["seen_seconds_ago"]
        .get<std::int64_t>();
  };
  const std::int64_t first = age();
  EXPECT_GT(first, 300);
  const auto wherever_the_clock_is = [&](std::int64_t expected, const char* when) {
    for (const Duration set_by : {Duration(0s), Duration(-2h), Duration(2h)}) {
      office.network.wall_set_by = set_by;
      EXPECT_NEAR(static_cast<double>(age()), static_cast<double>(expected), 2) << when;
    }
  };
  wherever_the_clock_is(first, "at once");
  office.network.wall_set_by = -2h;
  office.run_for(1h, 5s);
  wherever_the_clock_is(first + 3600, "an hour later");
  // The next run has only the wall clock, and what the file says by it.
  office.network.wall_set_by = -2h;
  office.server.side->stop(office.network.now());
  office.server.start();
  EXPECT_NEAR(static_cast<double>(age()), static_cast<double>(first + 3600), 2);
}

TEST(Push, AClockThatIsSetAfterTheStartMovesNoLeaseThatIsOnlyOnDisk) {
  Office office(18, 1);
  office.run_for(5min, 1s);
  office.server.side->stop(office.network.now());
  const auto written = [&office] { return office.server.disk.at(0).seen; };
  const WallTime before = written();
  office.network.on_wire = [](const Node&, ByteView) { return false; };
  office.network.run_for(10min);
  // A host without a clock chip: a year back at first, and right when it has asked for the time.
  office.network.wall_set_by = -std::chrono::hours(24 * 365);
  office.restart_server();
  office.network.wall_set_by = 0s;
  EXPECT_NEAR(
      office.server.side->status(office.network.now())["leases"].at(0)["seen_seconds_ago"].get<double>(), 600,
      2);
  office.server.side->stop(office.network.now());
  EXPECT_EQ(written(), before);
}

TEST(Push, WithoutALeaseOnDiskNoAddressIsGiven) {
  Office office(3, 1);
  office.server.disk_is_full = true;
  office.run_for(5min);
  EXPECT_TRUE(office.clients[0]->side->accepted().addresses.empty());
  office.server.disk_is_full = false;
  office.run_for(3min);
  EXPECT_EQ(office.clients[0]->side->accepted().addresses.size(), 1U);
}

TEST(Push, AHostThatRefusesMakesNoStormOfFrames) {
  Office office(4, 1);
  office.clients[0]->refuses = true;
  office.run_for(5min);
  const std::size_t before = office.server.sent + office.clients[0]->sent;
  office.run_for(1h, 1s);
  EXPECT_TRUE(office.clients[0]->side->accepted().addresses.empty());
  // A new session every two minutes asks again; each request gets five answers at most.
  EXPECT_LE(office.server.sent + office.clients[0]->sent - before, 1500U);
}

TEST(Push, AnExpiredLeaseIsFreeForWhoeverFoundThePoolUsedUp) {
  Office office(5, 6);  // five addresses
  const auto with_address = [&office] {
    return std::ranges::count_if(office.clients,
                                 [](const auto& each) { return !each->side->accepted().addresses.empty(); });
  };
  office.run_for(5min, 1s);
  ASSERT_EQ(with_address(), 5);
  const auto waiting = std::ranges::find_if(
      office.clients, [](const auto& each) { return each->side->accepted().addresses.empty(); });
  const auto leaver = waiting == office.clients.begin() ? office.clients.end() - 1 : office.clients.begin();
  const Node* const gone = (*leaver)->node.get();
  office.network.on_wire = [gone](const Node& from, ByteView) { return &from != gone; };
  office.run_for(23h, 5s);
  EXPECT_TRUE((*waiting)->side->accepted().addresses.empty()) << "the lease is not over";
  office.run_for(2h, 5s);
  EXPECT_EQ((*waiting)->side->accepted().addresses.size(), 1U);
  EXPECT_TRUE((*leaver)->side->accepted().addresses.empty()) << "its term is over as well";
}

TEST(Push, OnlyItsServerConfiguresAClient) {
  Office office(6, 2);
  Client& client = office.first_with_two_peers();
  client.config.client->value.servers = {{"server", {}}};
  client.start();
  // The server is not there to keep another peer away.
  office.network.on_wire = [&office](const Node& from, ByteView) {
    return &from != office.server.node.get();
  };
  office.run_for(1min);
  EXPECT_NE(office.answer_to_config_of(client, 1).find("configuration of other"), std::string::npos);
  EXPECT_TRUE(client.side->accepted().addresses.empty());
  office.network.on_wire = nullptr;
  office.run_for(2min);
  ASSERT_EQ(client.side->accepted().addresses.size(), 1U);

  const daemon::AcceptedConfig before = client.side->accepted();
  (void)office.answer_to_config_of(client, 1);
  PushFrames out;
  // A key that is not in its configuration, and a body that makes no sense.
  const daemon::PushPeer stranger{7, crypto::PublicKey(std::array<std::uint8_t, 32>{9})};
  const Instant now = office.network.now().boot;
  client.side->on_frame(stranger, {protocol::FrameType::kConfig, {{"serial", 99}}}, now, out);
  client.side->on_frame(client.peer(0), {protocol::FrameType::kConfig, {{"serial", "x"}}}, now, out);
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(client.side->accepted(), before);

  const crypto::PublicKey other = office.clients[1]->node->key.public_key();
  office.server.side->on_frame({7, other}, protocol::config_ack(12345), office.network.now(), out);
  EXPECT_TRUE(out.empty());
}

TEST(Push, OfSeveralPeersWithEndpointsNoneIsTheServerUntilTheFileNamesIt) {
  Office office(17, 2);
  Client& client = office.first_with_two_peers();
  office.run_for(1min);
  EXPECT_NE(office.answer_to_config_of(client, 0).find("configuration of server"), std::string::npos);
  EXPECT_NE(office.answer_to_config_of(client, 1).find("configuration of other"), std::string::npos);
  EXPECT_TRUE(client.side->accepted().addresses.empty());

  client.config.client->value.servers = {{"server", {}}};
  PushFrames out;
  const Instant now = office.network.now().boot;
  client.side->reconfigured(std::make_shared<const config::Config>(client.config),
                            client.side->held_for(client.config, now), now, out);
  client.send(out);
  office.run_for(10s);
  EXPECT_EQ(client.side->accepted().addresses.size(), 1U);
}

TEST(Push, TheOnlyPeerWithEndpointsIsTheServer) {
  Office office(18, 2);
  Client& client = office.first_with_two_peers();
  client.config.peers[1].endpoints.clear();
  client.start();
  office.run_for(1min);
  EXPECT_EQ(client.side->accepted().addresses.size(), 1U);
  EXPECT_NE(office.answer_to_config_of(client, 1).find("configuration of other"), std::string::npos);
}

TEST(Push, ANetworkThatTheHostJoinsIsItsOwnAtOnce) {
  Office office(19, 1);
  office.run_for(1min);
  Client& client = *office.clients[0];
  ASSERT_EQ(client.applied.addresses.size(), 1U);
  const Instant now = office.network.now().boot;
  client.around.connected = {{"eth0", *net::IpPrefix::parse("10.8.0.0/24")}};
  client.side->host_changed(now);
  EXPECT_TRUE(client.applied.addresses.empty());
  client.around.connected.clear();
  client.side->host_changed(now);
  EXPECT_EQ(client.applied.addresses.size(), 1U);
  // What changes all the time is looked at a little later.
  for (int i = 0; i < 100; ++i) client.side->host_changed(now);
  client.around.connected = {{"eth0", *net::IpPrefix::parse("10.8.0.0/24")}};
  client.side->host_changed(now);
  EXPECT_EQ(client.applied.addresses.size(), 1U);
  office.run_for(6s);
  EXPECT_TRUE(client.applied.addresses.empty());
}

TEST(Push, ARemovedClientLosesAllThatItWasGiven) {
  Office office(20, 2);
  office.push_route("192.168.1.0/24");
  office.run_for(1min);
  Client& client = *office.clients[0];
  ASSERT_EQ(client.applied.addresses.size(), 1U);
  const auto word = office.server.side->last_word(0);
  ASSERT_TRUE(word);
  office.server.send({{0, *word}});
  // Right behind it, so that the client finds both at once.
  protocol::Actions actions;
  office.server.node->tunnel->change(0)->say_bye(office.network.now(), actions);
  for (const auto& datagram : actions.datagrams())
    office.network.transmit(*office.server.node, datagram.to, actions.bytes(datagram));
  office.network.run_for(1s);
  client.step();
  EXPECT_EQ(client.applied, daemon::AcceptedConfig());
  EXPECT_TRUE(client.side->status()["configured_by"].is_null());
  EXPECT_EQ(office.clients[1]->applied.addresses.size(), 1U);
  EXPECT_FALSE(office.server.side->last_word(7)) << "who has been given nothing hears nothing";
}

TEST(Push, NoServerIsShownToBeBelievedForMoreThanAMonth) {
  Office office(21, 1);
  office.server.config.server->value.lease_time = std::chrono::days(100);
  office.server.start();
  office.run_for(1min);
  EXPECT_EQ(office.clients[0]->side->status()["lifetime_seconds"].get<std::int64_t>(), 30 * 24 * 3600);
}

TEST(Push, TheEndOfASessionWithWhatServesNoLongerRenewsNothing) {
  Office office(22, 1);
  office.server.config.server->value.lease_time = 10min;
  office.server.start();
  office.run_for(1min);
  Client& client = *office.clients[0];
  ASSERT_EQ(client.applied.addresses.size(), 1U);
  // The same host, no server any more.
  office.server.side.reset();
  office.server.node = office.restarted(std::move(office.server.node), false);
  Node& node = *office.server.node;
  node.add_peer(*client.node, false);
  const auto wait = [&](Duration time) {
    for (const Duration end = office.network.clock + time; office.network.clock < end;) {
      office.network.run_for(500ms);
      client.step();
    }
  };
  wait(9min);
  ASSERT_EQ(client.applied.addresses.size(), 1U) << "gone before its time";
  const auto& remote = client.node->tunnel->peer(0).remote();
  ASSERT_TRUE(remote && !remote->capabilities.config);
  protocol::Actions actions;
  node.tunnel->change(0)->say_bye(office.network.now(), actions);
  ASSERT_FALSE(actions.datagrams().empty());
  for (const auto& datagram : actions.datagrams())
    office.network.transmit(node, datagram.to, actions.bytes(datagram));
  wait(4min);
  EXPECT_TRUE(client.applied.addresses.empty());
}

TEST(Push, ARestartOfEitherSideCostsNobodyItsAddress) {
  Office office(7, 3);
  office.network.loss = 0.1;
  office.run_for(5min);
  std::vector<net::IpAddress> before;
  for (const auto& client : office.clients) before.push_back(client->side->accepted().addresses.at(0));
  for (int round = 0; round < 10; ++round) {
    if (round % 2 == 0) {
      office.restart_server();
    } else {
      office.restart_client(static_cast<std::size_t>(round) % office.clients.size());
    }
    // A server that has just begun is called when the clients' sessions have gone stale.
    office.run_for(10min);
    for (std::size_t i = 0; i < before.size(); ++i) {
      const auto& addresses = office.clients[i]->side->accepted().addresses;
      EXPECT_EQ(addresses, std::vector{before[i]}) << "client " << i << " in round " << round;
    }
  }
  EXPECT_EQ(office.network.violation, "");
}

TEST(Push, WhatOneHostRefusesCostsNothingElse) {
  Office office(8, 2);
  Client& refusing = *office.clients[0];
  refusing.refused_route = net::IpPrefix::parse("192.168.1.0/24");
  office.push_route("192.168.1.0/24");
  office.server.config.server->value.push.routes->push_back({*net::IpPrefix::parse("192.168.2.0/24"), {}});
  office.server.start();
  office.run_for(5min);
  EXPECT_FALSE(Office::has(refusing, "192.168.1.0/24"));
  EXPECT_TRUE(Office::has(refusing, "192.168.2.0/24"));
  EXPECT_EQ(refusing.applied.addresses.size(), 1U);
  EXPECT_TRUE(Office::has(*office.clients[1], "192.168.1.0/24"));
  const std::string refused = refusing.side->status()["refused"].dump();
  EXPECT_NE(refused.find("192.168.1.0/24"), std::string::npos) << refused;
  EXPECT_NE(refused.find("File exists"), std::string::npos) << refused;
}

TEST(Push, WhereHostOrTunnelDoNotTakeALeaseNobodyHasItNorTheDisk) {
  Office office(9, 1);
  office.server.host_refuses = true;
  office.run_for(5min);
  EXPECT_TRUE(office.clients[0]->side->accepted().addresses.empty());
  EXPECT_TRUE(office.server.side->pool().leases().empty());
  EXPECT_TRUE(office.server.disk.empty()) << "a restart would give what was refused";
  office.server.host_refuses = false;
  office.run_for(3min);
  EXPECT_EQ(office.clients[0]->side->accepted().addresses.size(), 1U);
}

TEST(Push, AnotherPoolIsLeasedToAllInOneChangeOfHostAndTunnel) {
  Office office(13, 4);
  office.run_for(5min);
  auto& pool = office.server.config.server->value.pool;
  pool.clear();
  pool.push_back({*net::IpPrefix::parse("10.7.0.0/24"), {}});
  const std::size_t before = office.server.takes;
  office.push_route("192.168.1.0/24");
  EXPECT_EQ(office.server.takes, before + 1);
  office.run_for(1min);
  for (const auto& client : office.clients) {
    ASSERT_EQ(client->side->accepted().addresses.size(), 1U);
    EXPECT_TRUE(net::IpPrefix::parse("10.7.0.0/24")->contains(client->side->accepted().addresses[0]));
  }
  EXPECT_EQ(office.server.takes, before + 1);
}

/// The complete state at the end of an hour with all kinds of events.
std::vector<std::string> history(std::uint64_t seed) {
  Office office(seed, 4);
  office.network.loss = 0.3;
  office.network.duplicate = 0.1;
  office.network.jitter = 50ms;
  std::vector<std::string> told;
  for (int i = 0; i < 6; ++i) {
    office.push_route(("192.168." + std::to_string(i) + ".0/24").c_str());
    if (i == 2) office.restart_server();
    if (i == 4) office.restart_client(1);
    office.run_for(10min);
    told.push_back(std::to_string(office.network.datagrams) + " datagrams, " +
                   std::to_string(office.server.sent) + " sent");
    for (const auto& client : office.clients) told.push_back(client->side->status().dump());
  }
  return told;
}

TEST(Push, TheSameSeedIsTheSameHistory) {
  const auto one = history(10);
  EXPECT_EQ(history(10), one);
  EXPECT_NE(history(11), one) << "the seed decides nothing";
}

TEST(Push, AfterTwoWeeksOfChangesLossAndRestartsAllHaveWhatIsPushedLast) {
  Office office(12, 2);
  std::string route;
  std::vector<net::IpAddress> addresses;
  for (int day = 0; day < 14; ++day) {
    office.network.loss = day % 3 == 0 ? 0.5 : 0.05;
    route = "172.16." + std::to_string(day) + ".0/24";
    office.push_route(route.c_str());
    office.run_for(11h, 5s);
    if (day % 4 == 1) office.restart_server();
    if (day % 4 == 3) office.restart_client(static_cast<std::size_t>(day) % 2);
    office.network.loss = 0.05;
    office.run_for(13h, 5s);
    for (const auto& client : office.clients) {
      ASSERT_TRUE(Office::has(*client, route.c_str())) << "day " << day;
      ASSERT_EQ(client->side->accepted().addresses.size(), 1U) << "day " << day;
      addresses.push_back(client->side->accepted().addresses[0]);
    }
  }
  for (std::size_t i = 2; i < addresses.size(); ++i) EXPECT_EQ(addresses[i], addresses[i - 2]);
  EXPECT_EQ(office.network.violation, "");
}

}  // namespace
}  // namespace tunneld::simulation
