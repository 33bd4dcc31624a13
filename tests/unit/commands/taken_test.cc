// What is taken on a host, by files, daemons and the kernel: `init` keeps out of its way, and `check` names it.

#include "daemon/commands/taken.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/net/udp_socket.h"
#include "config/parse.h"
#include "tests/unit/addresses.h"
#include "tests/unit/config/temporary_files.h"
#include "tests/unit/host/run_directory_fixture.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::daemon {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string tunnel_yaml(const std::string& interface, const std::string& network,
                        const std::string& more = "") {
  return "interface: { " + interface + ", private_key_file: own.key }\npeers: [ { name: far, public_key: \"" +
         std::string(config::kPublicA) + "\", allowed_ips: [" + network + "] } ]\n" + more;
}

config::Config parsed(const config::TemporaryFiles& files, const std::string& yaml) {
  config::ParseResult result = config::parse_file(files.write("parsed.yaml", yaml));
  EXPECT_TRUE(result.config) << to_string(result.diagnostics);
  return result.config.value_or(config::Config());
}

std::string words(const config::Config& config, const Taken& taken) {
  return to_string(collisions(config, host_plan(config), taken).take());
}

constexpr const char* kOffice = "name: office, addresses: [10.255.0.0/31], listen_port: 51820";

TEST(Taken, ByAnotherConfigurationIsNamedWithIt) {
  const config::TemporaryFiles files;
  Taken taken;
  taken.add(parsed(files, tunnel_yaml(kOffice, "10.20.0.0/16")), "office.yaml");
  EXPECT_THAT(
      words(parsed(files, tunnel_yaml(kOffice, "10.20.0.0/16")), taken),
      AllOf(HasSubstr("parsed.yaml:1:"), HasSubstr("warning: the name 'office' is taken by office.yaml"),
            HasSubstr("UDP port 51820 is taken by office.yaml; set 'listen_port' to another, like 51821"),
            HasSubstr("the address 10.255.0.0 is taken by office.yaml"),
            HasSubstr("the route to 10.20.0.0/16 in table main is taken by office.yaml")));
  const std::string other = "name: shop, addresses: [10.255.0.2/31], listen_port: 51821";
  EXPECT_THAT(words(parsed(files, tunnel_yaml(other, "10.30.0.0/16")), taken), IsEmpty());
  EXPECT_THAT(words(parsed(files, tunnel_yaml(other, "10.20.0.0/16", "routes: { metric: 50 }\n")), taken),
              IsEmpty())
      << "routes of different metrics stand side by side";
  EXPECT_THAT(words(parsed(files, tunnel_yaml(other, "10.20.0.0/16", "routes: none\n")), taken), IsEmpty());
}

TEST(Taken, TheOtherEndOfALinksNetworkIsTakenToo) {
  const config::TemporaryFiles files;
  Taken taken;
  taken.add(parsed(files, tunnel_yaml(kOffice, "10.20.0.0/16")), "office.yaml");
  EXPECT_THAT(
      words(parsed(files, tunnel_yaml("name: shop, addresses: [10.255.0.1/31]", "10.30.0.0/16")), taken),
      HasSubstr("the network 10.255.0.0/31 is taken by office.yaml"));
}

TEST(Taken, TheTableOfAFullTunnelIsNamedOnce) {
  const config::TemporaryFiles files;
  const std::string all = "0.0.0.0/0, \"::/0\"";
  Taken taken;
  taken.add(parsed(files, tunnel_yaml("name: one", all)), "one.yaml");
  const std::string said = words(parsed(files, tunnel_yaml("name: two", all)), taken);
  EXPECT_THAT(said, AllOf(HasSubstr("the routing table 51820 of this full tunnel is taken by one.yaml"),
                          HasSubstr("'interface.fwmark'"), HasSubstr("like 51821")));
  EXPECT_EQ(std::ranges::count(said, '\n'), 1);
  EXPECT_THAT(words(parsed(files, tunnel_yaml("name: two, fwmark: 51821", all)), taken), IsEmpty());
  // A server may push it.
  const std::string pushed = "client: { accept: { default_route: true } }\n";
  EXPECT_THAT(words(parsed(files, tunnel_yaml("name: two", "10.20.0.0/16", pushed)), taken),
              HasSubstr("the routing table 51820 of this full tunnel is taken by one.yaml"));
  EXPECT_THAT(words(parsed(files, tunnel_yaml("name: two", "10.20.0.0/16", "client: {}\n")), taken),
              IsEmpty());
}

TEST(Taken, AFileIsNotInItsOwnWay) {
  const config::TemporaryFiles files;
  const std::string own = files.write("office.yaml", tunnel_yaml(kOffice, "10.20.0.0/16"));
  files.write("broken.yaml", "interface: {\n");
  files.write("office.txt", tunnel_yaml("name: text", "10.40.0.0/16"));
  files.write("shop.yaml", tunnel_yaml("name: shop, listen_port: 51821", "10.30.0.0/16"));
  Taken taken;
  taken.add_directory(files.path(""), own);
  EXPECT_EQ(taken.interfaces.size(), 1U);
  EXPECT_EQ(taken.interfaces.at("shop"), files.path("shop.yaml"));
  EXPECT_TRUE(taken.ports.contains(51821));
}

TEST(Taken, IsWhatFoldersBesideHaveUnlessOthersCouldWriteThem) {
  const config::TemporaryFiles files;
  files.write("a/a.yaml",
              tunnel_yaml("name: a, addresses: [10.8.0.1/24], listen_port: 51820", "10.20.0.0/16"));
  files.write("open/open.yaml", tunnel_yaml("name: open, listen_port: 51821", "10.30.0.0/16"));
  files.write("own/own.yaml", tunnel_yaml("name: own, listen_port: 51822", "10.40.0.0/16"));
  ASSERT_EQ(::chmod(files.path("open").c_str(), 0777), 0);
  std::filesystem::create_directory_symlink(files.path("open"), files.path("link"));
  for (const char* directory : {"own", "own/", "new", "./own/../new"}) {
    Taken taken;
    taken.add_neighbours(files.path(directory));
    EXPECT_EQ(taken.interfaces.contains("own"), !std::string(directory).starts_with("own")) << directory;
    EXPECT_TRUE(taken.interfaces.contains("a")) << directory;
    EXPECT_FALSE(taken.interfaces.contains("open")) << directory;
    EXPECT_EQ(free_port(taken), 51821) << directory;
    EXPECT_TRUE(taken.overlaps(prefix("10.8.0.0/24"))) << directory;
  }
  Taken taken;
  taken.add_neighbours("/nonexistent/x");
  taken.add_neighbours(kConfigDirectory);
  EXPECT_TRUE(taken.interfaces.empty());
}

TEST(Taken, NamesPortsAndNetworksAreTheFirstThatAreFree) {
  Taken taken;
  EXPECT_EQ(free_interface(taken, "office"), "office");
  EXPECT_EQ(free_interface(taken, "the.office.in.the.north"), "tun0") << "too long for the kernel";
  EXPECT_EQ(free_interface(taken, "default"), "tun0") << "the kernel's own";
  EXPECT_EQ(free_port(taken), 51820);
  taken.interfaces = {{"office", "it"}, {"tun0", "it"}, {"tun2", "it"}};
  taken.ports = {{51820, "it"}, {51821, "it"}, {51823, "it"}};
  EXPECT_EQ(free_interface(taken, "office"), "tun1");
  EXPECT_EQ(free_port(taken), 51822);

  const std::vector candidates = {prefix("10.8.0.0/24"), prefix("10.8.1.0/24"), prefix("10.8.2.0/24")};
  taken.networks.push_back({prefix("10.8.0.1/24"), "it"});
  taken.routes[{prefix("10.8.1.128/25"), net::kMainTable, 0}] = "it";
  taken.routes[{prefix("0.0.0.0/0"), net::kMainTable, 0}] = "it";
  EXPECT_EQ(free_network(taken, candidates), prefix("10.8.2.0/24"));
  taken.routes[{prefix("10.0.0.0/8"), net::kMainTable, 0}] = "it";
  EXPECT_EQ(free_network(taken, candidates), prefix("10.8.2.0/24")) << "all are inside of one large network";
  taken.networks.push_back({prefix("10.8.2.0/24"), "it"});
  EXPECT_EQ(free_network(taken, candidates), prefix("10.8.0.0/24"));
}

class TakenOnTheHost : public net::NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped()) return;
    net::shell(
        "ip link add office type bridge && ip link set office up && ip address add 10.255.0.0/31 dev office "
        "&& "
        "ip route add 10.20.0.0/16 dev office && ip route add default dev office table 51820");
  }
  TemporaryRunDirectory run_;
  config::TemporaryFiles files_;
};

TEST_F(TakenOnTheHost, IsWhatTheKernelHas) {
  const auto sockets = net::open_udp_sockets({.port = 51820});
  const config::Config config = parsed(files_, tunnel_yaml(kOffice, "10.20.0.0/16"));
  Taken taken;
  taken.add_host(&config.interface);
  EXPECT_THAT(words(config, taken),
              AllOf(HasSubstr("the name 'office' is taken by an interface of this host"),
                    HasSubstr("UDP port 51820 is taken by "), HasSubstr("(pid " + std::to_string(::getpid())),
                    HasSubstr("the address 10.255.0.0 is taken by interface office"),
                    HasSubstr("the route to 10.20.0.0/16 in table main is taken by interface office")));
  EXPECT_THAT(words(parsed(files_, tunnel_yaml("name: whole", "0.0.0.0/0")), taken),
              HasSubstr("the routing table 51820 of this full tunnel is taken by interface office"));
  EXPECT_EQ(free_port(taken), 51821);
}

TEST_F(TakenOnTheHost, ARunningDaemonIsNotInItsOwnWay) {
  const auto sockets = net::open_udp_sockets({.port = 51820});
  write_file(run_.path() / "office.journal", "");
  write_file(run_.path() / "starting.journal", "");
  const config::Config config = parsed(files_, tunnel_yaml(kOffice, "10.20.0.0/16"));
  Taken taken;
  taken.add_host(&config.interface);
  EXPECT_THAT(words(config, taken), IsEmpty());
  EXPECT_THAT(words(parsed(files_, tunnel_yaml("name: starting", "10.30.0.0/16")), taken),
              HasSubstr("the name 'starting' is taken by the tunneld of "));
}

}  // namespace
}  // namespace tunneld::daemon
