// Peers in files of their own: which files are read, in which order, and what is said when they are wrong.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/parse.h"
#include "tests/unit/config/temporary_files.h"

namespace tunneld::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Include : public testing::Test {
 protected:
  void write_main(const std::string& include) {
    files_.write("config.yaml",
                 "interface: { name: tun0, private_key_file: a.key }\ninclude: [" + include + "]\n");
  }
  void write_peer(const std::string& file, const std::string& name, std::string_view key,
                  const std::string& more = "") {
    files_.write(file,
                 "peers:\n  - name: " + name + "\n    public_key: \"" + std::string(key) + "\"\n" + more);
  }
  std::vector<std::string> names() {
    const ParseResult result = parse_file(files_.path("config.yaml"));
    EXPECT_TRUE(result.config) << to_string(result.diagnostics);
    std::vector<std::string> names;
    if (!result.config) return names;
    for (const PeerConfig& peer : result.config->peers) names.push_back(peer.name.value);
    return names;
  }
  std::string errors() {
    const ParseResult result = parse_file(files_.path("config.yaml"));
    EXPECT_FALSE(result.config);
    return to_string(result.diagnostics);
  }

  TemporaryFiles files_;
};

TEST_F(Include, ReadsAPatternInTheOrderOfNames) {
  write_main("peers.d/*.yaml");
  write_peer("peers.d/b.yaml", "bob", kPublicB);
  write_peer("peers.d/a.yaml", "alice", kPublicA);
  write_peer("peers.d/.hidden.yaml", "hidden", kPublicC);
  write_peer("peers.d/c.yaml~", "backup", kPublicC);
  EXPECT_THAT(names(), ElementsAre("alice", "bob"));
}

TEST_F(Include, AcceptsAPatternWithoutAMatch) {
  write_main("peers.d/*.yaml");
  EXPECT_THAT(names(), ElementsAre());
  write_peer("peers.d/a.txt", "alice", kPublicA);
  EXPECT_THAT(names(), ElementsAre());
}

TEST_F(Include, StartsAtTheIncludingFile) {
  write_main("sites/north.yaml");
  write_peer("sites/north.yaml", "north", kPublicA,
             "    preshared_key_file: north.psk\ninclude: [\"north/*.yaml\", ../south.yaml]\n");
  write_peer("sites/north/one.yaml", "one", kPublicB);
  write_peer("south.yaml", "south", kPublicC);
  EXPECT_THAT(names(), ElementsAre("north", "one", "south"));
  const ParseResult result = parse_file(files_.path("config.yaml"));
  EXPECT_EQ(result.config->peers[0].preshared_key_file->value.name, files_.path("sites/north.psk"));
}

TEST_F(Include, WorksFromTheCurrentDirectory) {
  write_main("peers.d/*.yaml");
  write_peer("peers.d/a.yaml", "alice", "not a key");
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(files_.path(""));
  const ParseResult result = parse_file("config.yaml");
  std::filesystem::current_path(before);
  EXPECT_THAT(to_string(result.diagnostics),
              testing::StartsWith("peers.d/a.yaml:3:17: 'public_key' must be"));
}

TEST_F(Include, NamesBothFilesOfAConflict) {
  write_main("peers.d/*.yaml");
  write_peer("peers.d/a.yaml", "alice", kPublicA, "    allowed_ips: [10.1.0.0/16]\n");
  write_peer("peers.d/b.yaml", "bob", kPublicB, "    allowed_ips: [10.1.0.0/16]\n");
  const std::string a = files_.path("peers.d/a.yaml");
  const std::string b = files_.path("peers.d/b.yaml");
  EXPECT_THAT(errors(), HasSubstr(b + ":4:19: 10.1.0.0/16 already belongs to peer 'alice' (" + a + ":4:19)"));
}

TEST_F(Include, AllowsPeersOnly) {
  write_main("more.yaml");
  files_.write("more.yaml", "workers: 2\n");
  EXPECT_THAT(errors(), HasSubstr("more.yaml:1:1: unknown key 'workers'"));
}

TEST_F(Include, RefusesACycle) {
  write_main("one.yaml");
  write_peer("one.yaml", "one", kPublicA, "include: [two.yaml]\n");
  write_peer("two.yaml", "two", kPublicB, "include: [one.yaml]\n");
  EXPECT_THAT(errors(), HasSubstr("two.yaml:4:11: "));
  EXPECT_THAT(errors(), HasSubstr("is included a second time, or includes itself"));
}

TEST_F(Include, RefusesACycleThroughLinks) {
  write_main("one.yaml");
  write_peer("one.yaml", "one", kPublicA, "include: [link.yaml]\n");
  std::filesystem::create_symlink("one.yaml", files_.path("link.yaml"));
  EXPECT_THAT(errors(), HasSubstr("or includes itself"));
}

TEST_F(Include, RefusesAChainWithoutEnd) {
  write_main("f0.yaml");
  for (int i = 0; i < 20; ++i) {
    files_.write("f" + std::to_string(i) + ".yaml", "include: [f" + std::to_string(i + 1) + ".yaml]\n");
  }
  EXPECT_THAT(errors(), HasSubstr("f7.yaml:1:10: files include each other more than 8 deep"));
}

TEST_F(Include, RefusesAFileThatEverybodyMayWrite) {
  write_main("more.yaml");
  files_.write("more.yaml", "peers: []\n", 0666);
  EXPECT_THAT(errors(), HasSubstr("config.yaml:2:11: everybody may write to"));
  EXPECT_THAT(errors(), HasSubstr("run: chmod o-w " + files_.path("more.yaml")));
}

TEST_F(Include, SaysWhyADirectoryCannotBeRead) {
  write_main("round/*.yaml");
  std::filesystem::create_symlink("round", files_.path("round"));
  EXPECT_THAT(errors(), HasSubstr("round/*.yaml' cannot be read: Too many levels of symbolic links"));
}

TEST_F(Include, TakesADirectoryWithPatternCharacters) {
  files_.write("a[1]*/config.yaml",
               "interface: { name: tun0, private_key_file: a.key }\ninclude: [\"peers.d/*.yaml\"]\n");
  write_peer("a[1]*/peers.d/a.yaml", "alice", kPublicA);
  const ParseResult result = parse_file(files_.path("a[1]*/config.yaml"));
  ASSERT_TRUE(result.config);
  EXPECT_EQ(result.config->peers.size(), 1U);
}

TEST_F(Include, CanPretendThatAFileIsThere) {
  write_main("peers.d/*.yaml");
  write_peer("peers.d/b.yaml", "bob", kPublicB);
  const auto with = [this](const std::string& file, std::string_view name, std::string_view key) {
    return parse_file(files_.path("config.yaml"),
                      {files_.path(file), "peers:\n  - name: " + std::string(name) + "\n    public_key: \"" +
                                              std::string(key) + "\"\n"});
  };
  const ParseResult good = with("peers.d/a.yaml", "alice", kPublicA);
  ASSERT_TRUE(good.config) << to_string(good.diagnostics);
  ASSERT_EQ(good.config->peers.size(), 2U);
  EXPECT_EQ(good.config->peers[0].name.value, "alice");
  EXPECT_FALSE(std::filesystem::exists(files_.path("peers.d/a.yaml")));
  const ParseResult bad = with("peers.d/a.yaml", "alice", kPublicB);
  EXPECT_THAT(to_string(bad.diagnostics),
              HasSubstr("peers.d/b.yaml:3:17: this public key already belongs to peer 'alice'"));
  // What no pattern matches is not read.
  for (const char* file : {"peers.d/.a.yaml", "peers.d/a.txt", "peers.d/x/a.yaml", "a.yaml"}) {
    const ParseResult without = with(file, "alice", kPublicB);
    ASSERT_TRUE(without.config) << file;
    EXPECT_EQ(without.config->peers.size(), 1U) << file;
  }
  // The directory need not be there yet.
  write_main("new.d/*.yaml");
  EXPECT_EQ(with("new.d/a.yaml", "alice", kPublicA).config->peers.size(), 1U);
}

}  // namespace
}  // namespace tunneld::config
