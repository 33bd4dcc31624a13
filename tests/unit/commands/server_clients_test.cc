#include "daemon/commands/server_clients.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/temporary_files.h"

namespace tunneld::daemon {
namespace {

using testing::HasSubstr;

config::PeerConfig peer_with_key(const std::string& name, const std::string& path) {
  config::PeerConfig peer;
  peer.name.value = name;
  peer.preshared_key_file = config::Located<config::KeyFile>{{.name = path}, {}};
  return peer;
}

TEST(ServerClients, AKeyFileThatAnotherPeerUsesIsFoundHoweverItIsNamed) {
  const config::TemporaryFiles files;
  const std::string key = files.write("peers.d/alice.psk", "key");
  std::filesystem::create_symlink("alice.psk", files.path("peers.d/link.psk"));
  config::Config config;
  config.interface.private_key_file.value.name = files.path("server.key");
  config.peers.push_back(peer_with_key("alice", key));
  EXPECT_EQ(user_of_key_file(config, key, "alice"), "") << "its own";
  EXPECT_THAT(user_of_key_file(config, key, "bob"), HasSubstr("peer 'alice'"));
  for (const char* name : {"peers.d/alice.psk", "peers.d/../peers.d/./alice.psk", "peers.d/link.psk"}) {
    config.peers = {peer_with_key("bob", files.path(name))};
    EXPECT_THAT(user_of_key_file(config, key, "alice"), HasSubstr("peer 'bob'")) << name;
  }
  config.peers = {peer_with_key("bob", files.path("peers.d/bob.psk"))};
  EXPECT_EQ(user_of_key_file(config, key, "alice"), "");
  config.interface.private_key_file.value.name = key;
  EXPECT_EQ(user_of_key_file(config, key, "alice"), "the interface itself");
}

TEST(ServerClients, AKeyThatIsMissingStillHasItsUser) {
  const config::TemporaryFiles files;
  config::Config config;
  config.interface.private_key_file.value.name = files.path("server.key");
  config.peers = {peer_with_key("bob", files.path("peers.d/alice.psk"))};
  EXPECT_THAT(user_of_key_file(config, files.path("peers.d/alice.psk"), "alice"), HasSubstr("peer 'bob'"));
  // A credential of that name is no file of ours.
  config.peers[0].preshared_key_file->value.is_credential = true;
  EXPECT_EQ(user_of_key_file(config, files.path("peers.d/alice.psk"), "alice"), "");
}

}  // namespace
}  // namespace tunneld::daemon
