#include "daemon/host/host_changes.h"

#include <array>
#include <chrono>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/rtnetlink.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/net/file_descriptor.h"
#include "common/net/tun_device.h"
#include "daemon/host/changes/sysctl.h"
#include "daemon/host/interface_lock.h"
#include "tests/unit/addresses.h"
#include "tests/unit/commands/every_change.h"
#include "tests/unit/host/kept_device_fixture.h"

namespace tunneld::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HostChangesTest : public KeptDeviceTest {};

TEST_F(HostChangesTest, BecomesOnePlanAfterAnotherAndThenWhatItWas) {
  const std::string before = host_state();
  {
    HostChanges host("kept");
    host.become(everything());
    const std::string all = host_state();
    host.become(everything());
    EXPECT_EQ(host_state(), all);

    // Without a moment in which the link is down, which would cost every route.
    host.become(everything_with_changes());
    const std::string changed = host_state();
    EXPECT_THAT(changed, HasSubstr("mtu 1300"));
    EXPECT_THAT(changed, HasSubstr("10.21.0.0/16 dev kept"));
    EXPECT_THAT(changed, Not(HasSubstr("10.20.0.0/16 dev kept")));
    EXPECT_THAT(changed, HasSubstr("fd20::/48 dev kept"));

    host.become({LinkUp{{"kept"}, 1300}});
    EXPECT_THAT(host_state(), Not(HasSubstr("proto 215")));
    EXPECT_THAT(host_state(), Not(HasSubstr("3270")));
    host.become(everything());
    EXPECT_EQ(host_state(), all);
  }
  EXPECT_EQ(host_state(), before);
}

TEST_F(HostChangesTest, AnAddressThatGoesLeavesItsNeighbours) {
  HostChanges host("kept");
  const HostChange link = LinkUp{{"kept"}, 1420};
  const auto address = [](const char* text) { return AddressAdded{{"kept"}, prefix(text)}; };
  host.become({link, address("10.8.0.1/24"), address("10.8.0.2/24")});
  // The first of a network is the primary one; the kernel removes the others with it.
  host.become({link, address("10.8.0.2/24"), address("10.8.0.3/24")});
  EXPECT_THAT(host_state(), Not(HasSubstr("inet 10.8.0.1/24")));
  EXPECT_THAT(host_state(), HasSubstr("inet 10.8.0.2/24"));
  EXPECT_THAT(host_state(), HasSubstr("inet 10.8.0.3/24"));
}

// The kernel removes all IPv4 routes of a link with its last IPv4 address; a full tunnel would leak.
TEST_F(HostChangesTest, TheLastIpv4AddressThatGoesLeavesTheRoutes) {
  HostChanges host("kept");
  const std::vector<HostChange> stay = {
      LinkUp{{"kept"}, 1420}, AddressAdded{{"kept"}, prefix("fd08::5/64")},
      RouteAdded{{"kept"}, prefix("0.0.0.0/0"), 777}, RouteAdded{{"kept"}, prefix("10.20.0.0/16")},
      RuleAdded{{.priority = 32700, .table = 777, .mark = 1, .invert = true}}};
  std::vector<HostChange> wanted = stay;
  wanted.insert(wanted.begin() + 1, AddressAdded{{"kept"}, prefix("10.8.0.5/24")});
  host.become(wanted);
  host.become(stay);
  const std::string after = host_state();
  EXPECT_THAT(after, Not(HasSubstr("inet 10.8.0.5")));
  EXPECT_THAT(after, HasSubstr("default dev kept table 777 proto 215"));
  EXPECT_THAT(after, HasSubstr("10.20.0.0/16 dev kept table 254 proto 215"));
}

/// Hears of IPv4 routes of ours that are made.
class NewRoutes {
 public:
  NewRoutes() : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)) {
    sockaddr_nl name{};
    name.nl_family = AF_NETLINK;
    name.nl_groups = RTMGRP_IPV4_ROUTE;
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  }
  /// Since the last time.
  [[nodiscard]] int number() {
    int number = 0;
    alignas(nlmsghdr) std::array<char, 8192> bytes{};
    for (ssize_t length = 0; (length = ::recv(socket_.get(), bytes.data(), bytes.size(), 0)) > 0;) {
      const auto* message = reinterpret_cast<const nlmsghdr*>(bytes.data());
      if (message->nlmsg_type != RTM_NEWROUTE) continue;
      const auto* route = reinterpret_cast<const rtmsg*>(bytes.data() + sizeof(nlmsghdr));
      if (route->rtm_protocol == net::kRouteProtocol) ++number;
    }
    return number;
  }

 private:
  net::FileDescriptor socket_;
};

// Putting back takes its time, and what is sent meanwhile leaves in clear.
TEST_F(HostChangesTest, RoutesNeverGoWithAnAddress) {
  const std::string before = host_state();
  {
    HostChanges host("kept");
    const auto with = [](const std::vector<const char*>& addresses, bool routes = true) {
      std::vector<HostChange> wanted{LinkUp{{"kept"}, 1420}};
      for (const char* address : addresses) wanted.emplace_back(AddressAdded{{"kept"}, prefix(address)});
      if (routes) {
        wanted.emplace_back(RouteAdded{{"kept"}, prefix("0.0.0.0/0"), 777});
        wanted.emplace_back(RouteAdded{{"kept"}, prefix("10.20.0.0/16")});
      }
      return wanted;
    };
    NewRoutes made;
    host.become(with({"10.8.0.5/24"}));
    EXPECT_EQ(made.number(), 2);
    for (const auto& addresses : std::vector<std::vector<const char*>>{{"10.8.0.6/24"},
                                                                       {"10.9.0.6/24"},
                                                                       {"fd08::5/64"},
                                                                       {},
                                                                       {"10.9.0.7/24", "10.9.0.8/24"},
                                                                       {"10.9.0.9/24"}}) {
      host.become(with(addresses));
      EXPECT_EQ(made.number(), 0) << "one was lost";
      EXPECT_THAT(host_state(), HasSubstr("default dev kept table 777 proto 215"));
      EXPECT_THAT(host_state(), HasSubstr("10.20.0.0/16 dev kept table 254 proto 215"));
      const bool has_ipv4 = !addresses.empty() && std::string_view(addresses[0]).starts_with("10.");
      EXPECT_EQ(host_state().find("inet 192.0.0.8/32") == std::string::npos, has_ipv4) << host_state();
    }
    host.become(with({}));
    host.become(with({}, false));
    EXPECT_THAT(host_state(), Not(HasSubstr("192.0.0.8")));
  }
  EXPECT_EQ(host_state(), before);
}

TEST_F(HostChangesTest, AnAddressGetsAnotherPrefixLength) {
  HostChanges host("kept");
  const auto with = [](const char* ipv4, const char* ipv6) -> std::vector<HostChange> {
    return {LinkUp{{"kept"}, 1420}, AddressAdded{{"kept"}, prefix(ipv4)},
            AddressAdded{{"kept"}, prefix(ipv6)}, RouteAdded{{"kept"}, prefix("10.20.0.0/16")}};
  };
  host.become(with("10.8.0.5/24", "fd08::5/64"));
  host.become(with("10.8.0.5/16", "fd08::5/48"));
  const std::string after = host_state();
  EXPECT_THAT(after, HasSubstr("inet 10.8.0.5/16"));
  EXPECT_THAT(after, HasSubstr("inet6 fd08::5/48"));
  EXPECT_THAT(after, Not(HasSubstr("fd08::5/64")));
  EXPECT_THAT(after, HasSubstr("10.20.0.0/16 dev kept"));
}

TEST_F(HostChangesTest, APlanThatCannotBeLeavesAWayBack) {
  HostChanges host("kept");
  const std::vector<HostChange> good = {LinkUp{{"kept"}, 1420}, RouteAdded{{"kept"}, prefix("10.20.0.0/16")}};
  host.become(good);
  const std::string before = host_state();
  EXPECT_THROW(host.become({LinkUp{{"kept"}, 1300}, RouteAdded{{"kept"}, prefix("10.21.0.0/16")},
                            RouteAdded{{"nosuch"}, prefix("10.99.0.0/16")}}),
               net::NetlinkError);
  host.become(good);
  EXPECT_EQ(host_state(), before);
}

TEST_F(HostChangesTest, WhatWasThereStaysThroughEveryPlan) {
  net::shell("ip address add 10.8.0.1/24 dev kept");
  {
    HostChanges host("kept");
    host.become({LinkUp{{"kept"}, 1420}, AddressAdded{{"kept"}, prefix("10.8.0.1/24")}});
    host.become({LinkUp{{"kept"}, 1420}});
    EXPECT_THAT(host_state(), HasSubstr("inet 10.8.0.1/24"));
  }
  EXPECT_THAT(host_state(), HasSubstr("inet 10.8.0.1/24"));
}

TEST_F(HostChangesTest, EverythingIsMadeAndThenTheHostIsByteForByteAsItWas) {
  const std::string before = host_state();
  {
    HostChanges host("kept");
    for (const HostChange& change : everything()) host.make(change);
    const std::string during = host_state();
    EXPECT_THAT(during, HasSubstr("mtu 1420"));
    EXPECT_THAT(during, HasSubstr("inet 10.8.0.1/24"));
    EXPECT_THAT(during, HasSubstr("inet6 fd08::1/64"));
    EXPECT_THAT(during, HasSubstr("10.20.0.0/16 dev kept table 254 proto 215"));
    EXPECT_THAT(during, HasSubstr("10.60.0.0/16 dev kept table 254 proto 215 scope 253 metric 50"));
    EXPECT_THAT(during, HasSubstr("default dev kept table 777 proto 215"));
    EXPECT_THAT(during, HasSubstr("fd20::/48 dev kept table 254 proto 215"));
    EXPECT_THAT(during, HasSubstr("default dev kept table 70000 proto 215 scope 0 metric 5"));
    EXPECT_THAT(during, HasSubstr("32700:\tnot from all fwmark 0x1 lookup 777 proto 2\n"));
    EXPECT_THAT(during, HasSubstr("32701:\tfrom all lookup 254 suppress_prefixlength 0 proto 2\n"));
    EXPECT_THAT(during, HasSubstr("src_valid_mark:1"));
    EXPECT_THAT(during, HasSubstr("kept.journal"));
  }
  EXPECT_EQ(host_state(), before);
}

TEST_F(HostChangesTest, AHundredRunsLeaveNoTrace) {
  const std::string before = host_state();
  for (int i = 0; i < 100; ++i) {
    HostChanges host("kept");
    for (const HostChange& change : everything()) {
      // Each change of a table is a process (net::run_nft_process), slow to begin under a sanitizer.
      if (i % 10 == 0 || !std::holds_alternative<NftTable>(change)) host.make(change);
    }
  }
  EXPECT_EQ(host_state(), before);
}

TEST_F(HostChangesTest, OneChangeCanBeTakenBackAlone) {
  HostChanges host("kept");
  host.make(LinkUp{{"kept"}, 1420});
  const std::string before =
      output_of("ip route show table all; cat " + (directory_.path() / "kept.journal").string());
  const HostChange route = RouteAdded{{"kept"}, prefix("10.20.0.0/16")};
  host.make(route);
  host.revert(RouteAdded{{"kept"}, prefix("10.20.0.0/16"), 777});  // never made
  EXPECT_THAT(output_of("ip route"), HasSubstr("10.20.0.0/16"));
  host.revert(route);
  EXPECT_THAT(output_of("ip route"), Not(HasSubstr("10.20.0.0/16")));
  host.make(route);
  EXPECT_THAT(output_of("ip route"), HasSubstr("10.20.0.0/16"));
}

TEST_F(HostChangesTest, ANewMetricIsMadeBeforeTheOldRouteIsTakenBack) {
  HostChanges host("kept");
  host.make(LinkUp{{"kept"}, 1420});
  for (const char* destination : {"10.20.0.0/16", "fd20::/48"}) {
    host.make(RouteAdded{{"kept"}, prefix(destination)});
    host.make(RouteAdded{{"kept"}, prefix(destination), net::kMainTable, 50});
    host.revert(RouteAdded{{"kept"}, prefix(destination)});
  }
  EXPECT_THAT(output_of("ip route show dev kept"), HasSubstr("10.20.0.0/16 proto 215 scope link metric 50"));
  EXPECT_THAT(output_of("ip -6 route show dev kept"), HasSubstr("fd20::/48 proto 215 metric 50"));
  EXPECT_THAT(output_of("ip -6 route show dev kept"), Not(HasSubstr("metric 1024")));
}

TEST_F(HostChangesTest, AStartThatFailsHalfWayTakesEverythingBack) {
  const std::string before = host_state();
  try {
    HostChanges host("kept");
    for (const HostChange& change : everything()) host.make(change);
    host.make(RouteAdded{{"nosuch"}, prefix("10.99.0.0/16")});
    ADD_FAILURE() << "a route over no interface was made";
  } catch (const net::NetlinkError& error) {
    EXPECT_THAT(error.what(), HasSubstr("nosuch"));
  }
  EXPECT_EQ(host_state(), before);
}

TEST_F(HostChangesTest, AChangeThatCannotBeJournaledIsNotMade) {
  const std::string before = host_state();
  const int code = in_killed_process([this] {
    HostChanges host("kept");
    signal(SIGXFSZ, SIG_IGN);
    const auto size = std::filesystem::file_size(directory_.path() / "kept.journal");
    const rlimit limit{size + 10, size + 10};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      host.make(AddressAdded{{"kept"}, prefix("10.8.0.1/24")});
      return 1;
    } catch (const std::system_error&) {
      return 0;
    }
  });
  ASSERT_EQ(code, 0);
  std::filesystem::remove(directory_.path() / "kept.journal");
  EXPECT_EQ(host_state(), before);
}

TEST_F(HostChangesTest, AnAddressThatWasThereIsLeftToItsOwner) {
  net::shell("ip address add 10.8.0.1/24 dev kept");
  const std::string before = host_state();
  {
    HostChanges host("kept");
    host.make(AddressAdded{{"kept"}, prefix("10.8.0.1/24")});
  }
  EXPECT_EQ(host_state(), before);
}

TEST_F(HostChangesTest, ARouteInTheWayIsAnErrorThatNamesItAndIsNotTouched) {
  net::shell("ip route add 10.20.0.0/16 dev other && ip -6 route add fd20::/48 dev other");
  const std::string before = host_state();
  for (const char* destination : {"10.20.0.0/16", "fd20::/48"}) {
    HostChanges host("kept");
    host.make(LinkUp{{"kept"}, 1420});
    try {
      host.make(RouteAdded{{"kept"}, prefix(destination)});
      ADD_FAILURE() << destination << " was routed twice";
    } catch (const net::NetlinkError& error) {
      EXPECT_EQ(error.reason(), net::NetlinkError::Reason::kExists);
      EXPECT_THAT(error.what(), HasSubstr(std::string(destination) + " dev other"));
    }
  }
  EXPECT_EQ(host_state(), before);
}

TEST_F(HostChangesTest, WhatWasNotPermittedIsNotUndoneLater) {
  net::shell("ip link set kept up mtu 1420");
  const pid_t child = fork();
  if (child == 0) {
    // Without CAP_NET_ADMIN, but with the run directory.
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
    syscall(SYS_capget, &header, sets);
    for (auto& set : sets) set.effective = set.permitted &= ~(1U << CAP_NET_ADMIN);
    if (syscall(SYS_capset, &header, sets) != 0) _exit(2);
    HostChanges host("kept");
    try {
      host.make(AddressAdded{{"kept"}, prefix("10.8.0.1/24")});
    } catch (const net::NetlinkError& error) {
      _exit(error.reason() == net::NetlinkError::Reason::kNotPermitted ? 0 : 3);
    }
    _exit(4);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  // Now root does by hand what could not be done.
  net::shell("ip address add 10.8.0.1/24 dev kept");
  EXPECT_EQ(HostChanges("kept").left_behind().undone, 0U);
  EXPECT_THAT(host_state(), HasSubstr("inet 10.8.0.1/24"));
}

TEST_F(HostChangesTest, ARuleOfSomebodyElseStaysEvenIfItSaysTheSame) {
  net::shell("ip rule add not fwmark 1 table 777 priority 32700 protocol static");
  const std::string before = host_state();
  {
    HostChanges host("kept");
    host.make(RuleAdded{{.priority = 32700, .table = 777, .mark = 1, .invert = true}});
    EXPECT_NE(host_state(), before);
  }
  EXPECT_EQ(host_state(), before);
}

TEST_F(HostChangesTest, WhatSomebodyTookOverMeanwhileIsLeftToThem) {
  const std::string sysctl = std::string("sysctl -qw net.ipv4.conf.all.src_valid_mark=");
  {
    HostChanges host("kept");
    for (const HostChange& change : everything()) host.make(change);
    net::shell("ip route replace 10.20.0.0/16 dev other proto static");
    net::shell(
        "ip rule del priority 32700 && ip rule add priority 32700 not fwmark 1 table 777 protocol static");
    net::shell("ip address del 10.8.0.1/24 dev kept");
    net::shell("ip link set kept mtu 1300");
    net::shell(sysctl + "2");
  }
  EXPECT_THAT(output_of("ip route"), HasSubstr("10.20.0.0/16 dev other proto static"));
  EXPECT_THAT(output_of("ip rule"), HasSubstr("32700:\tnot from all fwmark 0x1 lookup 777 proto static"));
  EXPECT_THAT(output_of("ip link show kept"), HasSubstr("mtu 1300"));
  EXPECT_EQ(read_sysctl(kSysctl), "2");
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(HostChangesTest, AfterAKillTheNextStartUndoesTheOldOneFirst) {
  const std::string before = host_state();
  ASSERT_EQ(in_killed_process([] {
              auto* host = new HostChanges("kept");
              for (const HostChange& change : everything()) host->make(change);
              return 0;
            }),
            0);
  EXPECT_NE(host_state(), before);
  {
    HostChanges host("kept");
    EXPECT_EQ(host.left_behind().undone, everything().size());
    EXPECT_EQ(host.left_behind().stuck, 0U);
    for (const HostChange& change : everything()) host.make(change);
  }
  EXPECT_EQ(host_state(), before);
}

// After a kill a device of our name may belong to somebody else, with the very same addresses and routes.
TEST_F(HostChangesTest, AnotherDeviceThatGotOurNameIsNotTouched) {
  ASSERT_EQ(
      in_killed_process([] {
        auto* host = new HostChanges("kept");
        for (const HostChange& change : everything()) {
          if (!std::holds_alternative<RuleAdded>(change) && !std::holds_alternative<SysctlSet>(change)) {
            host->make(change);
          }
        }
        return 0;
      }),
      0);
  net::shell("ip link del kept");
  make_kept();
  net::shell("ip link set kept mtu 1420 up && ip address add 10.8.0.1/24 dev kept");
  net::shell("ip route add 10.20.0.0/16 dev kept proto 215");
  const std::string theirs = output_of("ip -d address show dev kept; ip -d link show dev kept; ip route");
  { HostChanges host("kept"); }
  EXPECT_EQ(output_of("ip -d address show dev kept; ip -d link show dev kept; ip route"), theirs);
}

TEST_F(HostChangesTest, WhatCannotBeUndoneStaysInTheJournal) {
  ASSERT_EQ(in_killed_process([] {
              auto* host = new HostChanges("kept");
              host->make(SysctlSet{kSysctl, "1"});
              host->make(RuleAdded{{.priority = 32700, .table = 777}});
              return 0;
            }),
            0);
  // Without privileges nothing can be undone.
  const int code = in_killed_process([this] {
    std::filesystem::permissions(directory_.path(), std::filesystem::perms::all);
    if (chown((directory_.path() / "kept.journal").c_str(), 65534, 65534) != 0 || setuid(65534) != 0)
      return 1;
    const HostChanges host("kept");
    return host.left_behind().stuck == 2 ? 0 : 2;
  });
  ASSERT_EQ(code, 0);
  ASSERT_EQ(chown((directory_.path() / "kept.journal").c_str(), 0, 0), 0);
  EXPECT_EQ(HostChanges("kept").left_behind().undone, 2U);
  EXPECT_EQ(read_sysctl(kSysctl), "0");
  EXPECT_THAT(output_of("ip rule"), Not(HasSubstr("32700")));
}

TEST_F(HostChangesTest, OurDeviceHasNoLinkLocalAddress) {
  net::TunDevice device({.name = "fresh", .offload = false});
  HostChanges host("fresh");
  host.make(LinkUp{{"fresh"}, 1420});
  host.make(AddressAdded{{"fresh"}, prefix("fd08::1/64")});
  const std::string addresses = output_of("ip -6 address show dev fresh");
  EXPECT_THAT(addresses, HasSubstr("fd08::1/64"));
  EXPECT_THAT(addresses, Not(HasSubstr("fe80::")));
  EXPECT_THAT(addresses, Not(HasSubstr("tentative")));
  // So it is by our doing, not by this kernel's.
  net::TunDevice plain({.name = "plain", .offload = false});
  net::shell("ip link set plain up");
  EXPECT_THAT(output_of("ip -6 address show dev plain"), HasSubstr("fe80::"));
}

TEST_F(HostChangesTest, TenThousandRoutesTakeSecondsAtMost) {
  const std::string before = host_state();
  const auto begin = std::chrono::steady_clock::now();
  {
    HostChanges host("kept");
    host.make(LinkUp{{"kept"}, 1420});
    for (std::uint8_t i = 0; i < 100; ++i) {
      for (std::uint8_t j = 0; j < 100; ++j) {
        const std::array<std::uint8_t, 4> network{11, i, j, 0};
        host.make(RouteAdded{{"kept"}, {net::IpAddress::v4(network), 24}});
      }
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  EXPECT_EQ(host_state(), before);
}

}  // namespace
}  // namespace tunneld::daemon
