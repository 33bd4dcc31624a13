// The lease file: old or new, never half; damaged ones are moved aside; a full disk costs nothing that was.
#include "daemon/lease_store.h"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/json.h"

namespace tunneld::daemon {
namespace {

namespace fs = std::filesystem;

class LeaseStoreTest : public testing::Test {
 protected:
  LeaseStoreTest() {
    std::string name = fs::temp_directory_path() / "tunneld-leases-XXXXXX";
    directory = mkdtemp(name.data());
    path = directory / "tun0.leases";
  }
  ~LeaseStoreTest() override { fs::remove_all(directory); }

  std::map<crypto::PublicKey, Lease> some(std::uint8_t count) {
    std::map<crypto::PublicKey, Lease> leases;
    for (std::uint8_t i = 1; i <= count; ++i) {
      std::array<std::uint8_t, 32> bytes{i};
      const crypto::PublicKey key(bytes);
      leases[key] = {
          key,
          {*net::IpAddress::parse("10.8.0." + std::to_string(i)), *net::IpAddress::parse("fd08::1")},
          WallTime(std::chrono::seconds(1'700'000'000 + i))};
    }
    return leases;
  }
  std::string text() {
    std::ostringstream all;
    all << std::ifstream(path).rdbuf();
    return all.str();
  }
  void write(const std::string& content) {
    std::ofstream(path) << content;
    ::chmod(path.c_str(), 0600);
  }
  std::size_t files() {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
  }
  bool equal(const std::vector<Lease>& loaded, const std::map<crypto::PublicKey, Lease>& saved) {
    if (loaded.size() != saved.size()) return false;
    for (const Lease& lease : loaded) {
      if (saved.at(lease.key) != lease) return false;
    }
    return true;
  }

  fs::path directory, path;
};

TEST_F(LeaseStoreTest, ReadsWhatItWroteAndNobodyElseDoes) {
  const LeaseStore store(path);
  EXPECT_TRUE(store.load().empty());
  store.save(some(9));
  EXPECT_TRUE(equal(store.load(), some(9)));
  store.save(some(3));
  EXPECT_TRUE(equal(store.load(), some(3)));
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_EQ(files(), 1U);
}

TEST_F(LeaseStoreTest, NoLeasesAreAFileToo) {
  const LeaseStore store(path);
  store.save({});
  EXPECT_TRUE(store.load().empty());
  EXPECT_EQ(files(), 1U) << "moved aside as damaged";
}

TEST_F(LeaseStoreTest, ReadsTheIndentedFilesOfEarlierVersions) {
  const LeaseStore store(path);
  store.save(some(9));
  write(Json::parse(text())->dump(1) + "\n");
  EXPECT_TRUE(equal(store.load(), some(9)));
}

TEST_F(LeaseStoreTest, MakesItsDirectory) {
  const LeaseStore store(directory / "a" / "b" / "tun0.leases");
  store.save(some(1));
  EXPECT_TRUE(equal(store.load(), some(1)));
}

TEST_F(LeaseStoreTest, EveryTruncationAndFlippedByteIsNoticedAndMovedAside) {
  const LeaseStore store(path);
  store.save(some(2));
  const std::string whole = text();
  for (std::size_t i = 0; i < whole.size() - 1; ++i) {
    write(whole.substr(0, i));
    EXPECT_TRUE(store.load().empty());
    EXPECT_FALSE(fs::exists(path));
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ 1);
    write(flipped);
    try {
      const auto leases = store.load();
      // Blanks between the members may change, the members may not.
      EXPECT_TRUE(leases.empty() || equal(leases, some(2))) << i;
    } catch (const LeaseStoreError& error) {
      EXPECT_NE(std::string(error.what()).find("is of version"), std::string::npos);
    }
  }
  EXPECT_GE(files(), 1U);
}

TEST_F(LeaseStoreTest, ALaterVersionIsRefusedAndLeftAlone) {
  const LeaseStore store(path);
  const std::string later = R"({"format": "tunneld leases", "version": 2, "everything": "different"})";
  write(later);
  EXPECT_THROW((void)store.load(), LeaseStoreError);
  EXPECT_EQ(text(), later);
}

TEST_F(LeaseStoreTest, AFileThatOthersMayWriteIsRefused) {
  const LeaseStore store(path);
  store.save(some(1));
  ::chmod(path.c_str(), 0666);
  EXPECT_THROW((void)store.load(), LeaseStoreError);
}

TEST_F(LeaseStoreTest, AFullDiskLeavesTheOldFileAndNoRubbish) {
  const LeaseStore store(path);
  store.save(some(1));
  // As on a full disk, a write fails after some bytes; with this limit as EFBIG.
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small { 400, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_THROW(store.save(some(200)), std::system_error);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(equal(store.load(), some(1)));
  EXPECT_EQ(files(), 1U);
  store.save(some(200));
  EXPECT_TRUE(equal(store.load(), some(200)));
}

}  // namespace
}  // namespace tunneld::daemon
