#include "daemon/host/journal.h"

#include <algorithm>
#include <set>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/json.h"
#include "daemon/host/journal_owner.h"
#include "daemon/host/run_directory.h"
#include "tests/unit/addresses.h"
#include "tests/unit/host/run_directory_fixture.h"

namespace tunneld::daemon {
namespace {

HostChange address(int number) {
  return AddressAdded{{"tun0", 7}, prefix(("10.0.0." + std::to_string(number) + "/24").c_str())};
}

/// Each kind, once with all it can hold and once with as little as possible.
std::vector<HostChange> all_kinds() {
  return {
      DeviceOpened{{"tap0", 7},
                   {.kind = net::DeviceKind::kTap,
                    .multi_queue = true,
                    .packet_info = true,
                    .has_header = true,
                    .header_size = 12,
                    .offloads = 0x6f,
                    .wanted = 0x1ef}},
      DeviceOpened{{"tun0", 7}},
      LinkUp{{"tun0", 7}, 1420, net::LinkSettings{1500, false, std::uint8_t{0}}},
      LinkUp{{"tun0", 7}, 1420},
      LinkUp{{"tap0", 7}, 1396, std::nullopt, true},
      LinkAddress{{"tap0", 7}, *net::MacAddress::parse("fe:00:00:00:00:01")},
      LinkAddress{{"tap0", 7},
                  *net::MacAddress::parse("fe:00:00:00:00:01"),
                  *net::MacAddress::parse("02:00:00:00:00:02")},
      AddressAdded{{"tun0", 7}, prefix("10.0.0.1/24")},
      AddressAdded{{"tun0", 7}, prefix("fd00::1/64")},
      RouteAdded{{"tun0", 7}, prefix("10.20.0.0/16"), 51820, 50},
      RouteAdded{{"tun0", 7}, prefix("::/0")},
      RuleAdded{{.family = net::Family::kIpv6,
                 .priority = 32764,
                 .table = 51820,
                 .mark = 0x1234,
                 .mark_mask = 0xffff,
                 .invert = true,
                 .suppress_prefix_length = 0,
                 .protocol = net::kRuleProtocol}},
      RuleAdded{{.priority = 1, .table = 2, .protocol = net::kRuleProtocol}},
      SysctlSet{"net/ipv4/ip_forward", "1", "0"},
      SysctlSet{"net/ipv4/ip_forward", "1"},
      ForwardingOn{net::Family::kIpv6, "", {{"net/ipv6/conf/all/forwarding", "0"}}},
      NftTable{"tunneld-tun0", "", true},
      TapFilter{{"tap0", 7}, true},
      BridgeMade{{"bridge", 1 << 24}, true},
      BridgePort{{"port", 8}, {"bridge", 1 << 24}, true, false},
      BridgePort{{"tap0", 7}, {"bridge", 9}},
      DnsSet{.interface = {"tun0", 7},
             .servers = {net::IpAddress::parse("10.8.0.1").value(), net::IpAddress::parse("fd08::1").value()},
             .search = {"corp.example"},
             .all_names = true,
             .keeper = DnsKeeper::kResolvconf,
             .place = "tun.tun0",
             .program = "/usr/sbin/resolvconf",
             .made_file = true},
      DnsSet{.interface = {"tun0"}, .servers = {}, .search = {}},
  };
}

std::vector<HostChange> pending(const Journal& journal) {
  std::vector<HostChange> changes;
  for (const auto& [id, change] : journal.pending()) changes.push_back(change);
  return changes;
}

class JournalTest : public ::testing::Test {
 protected:
  TemporaryRunDirectory directory_;
  std::filesystem::path path_ = journal_path("tun0");
};

TEST_F(JournalTest, EveryKindOfChangeIsReadAsItWasWritten) {
  std::set<std::size_t> kinds;
  for (const HostChange& change : all_kinds()) kinds.insert(change.index());
  EXPECT_EQ(kinds.size(), std::variant_size_v<HostChange>) << "all_kinds() lacks one";
  for (const HostChange& change : all_kinds()) {
    const auto read = from_json(Json::parse(to_json(change).dump()).value());
    ASSERT_TRUE(read) << in_words(change);
    // Not by ==, which leaves out what was there before.
    EXPECT_EQ(to_json(*read), to_json(change));
    EXPECT_EQ(*read, change);
  }
}

TEST_F(JournalTest, AChangeWithAnyMemberMissingIsNotReadAsAnother) {
  for (const HostChange& change : all_kinds()) {
    const Json whole = to_json(change);
    for (const auto& [key, value] : whole.items()) {
      Json part = whole;
      part.erase(key);
      const auto read = from_json(part);
      // "file": a version before did not write it.
      const bool is_optional = (key == "before" && !std::holds_alternative<ForwardingOn>(change)) ||
                               key == "before_up" || key == "metric" || key == "mark" ||
                               key == "suppress_prefix_length" || key == "file";
      EXPECT_EQ(read.has_value(), is_optional) << key << " of " << whole;
      part[key] = Json::array({Json::object()});
      EXPECT_FALSE(from_json(part)) << key << " of " << whole;
    }
  }
}

TEST_F(JournalTest, OnlyItsOwnerMayReadIt) {
  const Journal journal("tun0");
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
}

TEST_F(JournalTest, RemoveLeavesNothing) {
  Journal journal("tun0");
  journal.record(address(1));
  EXPECT_TRUE(Journal::exists("tun0"));
  journal.remove();
  EXPECT_FALSE(Journal::exists("tun0"));
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(JournalTest, WhatAKilledProcessHadPendingIsTakenOverInOrder) {
  ASSERT_EQ(in_killed_process([] {
              Journal journal("tun0");
              journal.record(address(1));
              const auto second = journal.record(address(2));
              journal.record(address(3));
              journal.forget(second);
              journal.record(address(4));
              return 0;
            }),
            0);
  Journal journal("tun0");
  EXPECT_THAT(pending(journal), ::testing::ElementsAre(address(1), address(3), address(4)));
  // Ids go on: a new change never takes the place of an old one.
  EXPECT_EQ(journal.record(address(5)), 5U);
}

TEST_F(JournalTest, ATakeOverThatIsKilledAsWellLosesNothing) {
  ASSERT_EQ(in_killed_process([] {
              Journal journal("tun0");
              journal.record(address(1));
              journal.record(address(2));
              return 0;
            }),
            0);
  ASSERT_EQ(in_killed_process([] {
              Journal journal("tun0");
              journal.forget(2);
              return 0;
            }),
            0);
  EXPECT_THAT(pending(Journal("tun0")), ::testing::ElementsAre(address(1)));
}

TEST_F(JournalTest, CutAnywhereItHoldsItsWholeLinesAndGoesOn) {
  ASSERT_EQ(in_killed_process([] {
              Journal journal("tun0");
              for (int i = 1; i <= 4; ++i) journal.record(address(i));
              journal.forget(3);
              return 0;
            }),
            0);
  const std::string whole = read_file(path_);
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    const std::string cut = whole.substr(0, length);
    const auto lines = std::count(cut.begin(), cut.end(), '\n');
    std::vector<HostChange> expected;
    for (int i = 1; i <= std::min<long>(lines - 1, 4); ++i) {
      if (i != 3 || lines < 6) expected.push_back(address(i));
    }
    write_file(path_, cut);
    chmod(path_.c_str(), 0600);
    ASSERT_EQ(in_killed_process([&] {
                Journal journal("tun0");
                const bool as_expected = pending(journal) == expected;
                journal.record(address(9));
                return as_expected ? 0 : 1;
              }),
              0)
        << "cut at " << length;
    expected.push_back(address(9));
    ASSERT_EQ(in_killed_process([&] { return pending(Journal("tun0")) == expected ? 0 : 1; }), 0)
        << "cut at " << length << ", then written on";
  }
}

TEST_F(JournalTest, AWriteThatAFullDiskCutsIsNotRecordedAndHarmsNoLaterOne) {
  const int code = in_killed_process([this] {
    Journal journal("tun0");
    journal.record(address(1));
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = std::filesystem::file_size(path_) + 10;
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      journal.record(address(2));
      return 1;
    } catch (const std::system_error&) {
    }
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
    journal.record(address(3));
    return 0;
  });
  ASSERT_EQ(code, 0);
  EXPECT_THAT(pending(Journal("tun0")), ::testing::ElementsAre(address(1), address(3)));
}

TEST_F(JournalTest, OneThatCannotEvenBeBegunLeavesNoFile) {
  const int code = in_killed_process([] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{10, 10};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      Journal journal("tun0");
      return 1;
    } catch (const std::system_error&) {
      return 0;
    }
  });
  EXPECT_EQ(code, 0);
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(JournalTest, TheJournalOfALiveProcessIsRefusedEvenIfItsLockFileWasDeleted) {
  WaitingProcess other([] { (new Journal("tun0"))->record(address(1)); });
  ASSERT_TRUE(other.is_ready());
  const std::string before = read_file(path_);
  EXPECT_THROW(Journal("tun0"), JournalError);
  EXPECT_EQ(read_file(path_), before);
  other.kill_now();
  EXPECT_THAT(pending(Journal("tun0")), ::testing::ElementsAre(address(1)));
}

/// Leaves the journal of a dead process whose owner's line says `value` for `key`.
void leave_journal(const std::filesystem::path& path, const char* key, const Json& value) {
  Json owner = JournalOwner::self().to_json();
  owner["started"] = "1";
  owner[key] = value;
  write_file(path, Json{{"owner", owner}}.dump() + "\n" +
                       Json{{"id", 1}, {"change", to_json(address(1))}}.dump() + "\n");
  chmod(path.c_str(), 0600);
}

/// The number in "net:[4026531840]".
std::string digits_of(std::string network_namespace) {
  std::erase_if(network_namespace, [](char c) { return c < '0' || c > '9'; });
  return network_namespace;
}

TEST_F(JournalTest, AProcessThatHasOnlyThePidOfTheOwnerIsNotTheOwner) {
  leave_journal(path_, "pid", getpid());
  EXPECT_THAT(pending(Journal("tun0")), ::testing::ElementsAre(address(1)));
}

TEST_F(JournalTest, WhatWasDoneBeforeTheLastBootIsGone) {
  leave_journal(path_, "boot", "00000000-0000-0000-0000-000000000000");
  EXPECT_TRUE(Journal("tun0").pending().empty());
}

TEST_F(JournalTest, WhatWasDoneInANetworkNamespaceThatIsGoneIsGone) {
  leave_journal(path_, "network_namespace", "net:[17]");
  EXPECT_TRUE(Journal("tun0").pending().empty());
}

TEST_F(JournalTest, WhatWasDoneInAnotherNetworkNamespaceIsNotUndoneHere) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: network namespaces";
  std::string theirs;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const WaitingProcess other([&] {
    if (unshare(CLONE_NEWNET) != 0) _exit(1);
    const std::string name = JournalOwner::self().network_namespace;
    [[maybe_unused]] const ssize_t written = write(ends[1], name.data(), name.size());
  });
  ASSERT_TRUE(other.is_ready());
  std::array<char, 64> name{};
  ASSERT_GT(read(ends[0], name.data(), name.size() - 1), 0);
  close(ends[0]);
  close(ends[1]);
  leave_journal(path_, "network_namespace", name.data());
  EXPECT_THROW(Journal("tun0"), JournalError);
  // A start leaves it to that one, and goes on.
  Journal::set_aside_of_other_namespaces("tun0");
  EXPECT_TRUE(Journal("tun0").pending().empty());
  const std::string left = read_file(directory_.path() / ("tun0@" + digits_of(name.data()) + ".journal"));
  EXPECT_THAT(left, ::testing::HasSubstr("10.0.0.1/24"));
  // A second one is refused, or the first would be lost.
  leave_journal(path_, "network_namespace", name.data());
  Journal::set_aside_of_other_namespaces("tun0");
  EXPECT_THROW(Journal("tun0"), JournalError);
}

TEST_F(JournalTest, WhatAStartInAnotherNetworkNamespaceHasSetAsideIsTheNextStartsInThisOne) {
  const std::string here = digits_of(JournalOwner::self().network_namespace);
  leave_journal(directory_.path() / ("tun0@" + here + ".journal"), "pid", 1);
  Journal::set_aside_of_other_namespaces("tun0");
  EXPECT_THAT(pending(Journal("tun0")), ::testing::ElementsAre(address(1)));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_.path()), {}), 1);
}

TEST_F(JournalTest, OfALiveProcessNothingIsSetAside) {
  WaitingProcess other([] { (new Journal("tun0"))->record(address(1)); });
  ASSERT_TRUE(other.is_ready());
  const std::string before = read_file(path_);
  Journal::set_aside_of_other_namespaces("tun0");
  EXPECT_EQ(read_file(path_), before);
}

TEST_F(JournalTest, AFileThatOthersCouldHaveWrittenIsRefused) {
  leave_journal(path_, "pid", 1);
  chmod(path_.c_str(), 0620);
  EXPECT_THROW(Journal("tun0"), JournalError);
  if (geteuid() == 0) {
    chmod(path_.c_str(), 0600);
    ASSERT_EQ(chown(path_.c_str(), 65534, 65534), 0);
    EXPECT_THROW(Journal("tun0"), JournalError);
  }
}

TEST_F(JournalTest, ALinkIsNotFollowed) {
  write_file(directory_.path() / "elsewhere", "");
  std::filesystem::create_symlink(directory_.path() / "elsewhere", path_);
  EXPECT_THROW(Journal("tun0"), std::system_error);
}

TEST_F(JournalTest, LinesThatItDoesNotKnowDoNotHideTheOthers) {
  leave_journal(path_, "pid", 1);
  std::string text = read_file(path_);
  text +=
      "{\"id\":2,\"change\":{\"kind\":\"of a later "
      "version\"}}\nnull\n[]\n\"\"\n{\"id\":\"x\"}\n{\"undone\":-1}\nrubbish\n\n";
  text += Json{{"id", 3}, {"change", to_json(address(3))}}.dump() + "\n";
  write_file(path_, text);
  EXPECT_THAT(pending(Journal("tun0")), ::testing::ElementsAre(address(1), address(3)));
}

TEST_F(JournalTest, WhatIsMadeAndUndoneForeverDoesNotFillTheDisk) {
  ASSERT_EQ(in_killed_process([] {
              Journal journal("tun0");
              journal.record(address(1));
              for (int i = 0; i < 20000; ++i) journal.forget(journal.record(address(2)));
              journal.record(address(3));
              return 0;
            }),
            0);
  EXPECT_LT(std::filesystem::file_size(path_), Journal::kLong + 4096);
  EXPECT_FALSE(std::filesystem::exists(path_.string() + ".new"));
  EXPECT_THAT(pending(Journal("tun0")), ::testing::ElementsAre(address(1), address(3)));
}

TEST_F(JournalTest, OneThatCannotBeWrittenAnewGoesOnAsItIs) {
  std::filesystem::create_directories(path_.string() + ".new/in_the_way");
  Journal journal("tun0");
  journal.record(address(1));
  for (int i = 0; i < 20000; ++i) journal.forget(journal.record(address(2)));
  EXPECT_GT(std::filesystem::file_size(path_), 2 * Journal::kLong);
  EXPECT_THAT(pending(journal), ::testing::ElementsAre(address(1)));
}

}  // namespace
}  // namespace tunneld::daemon
