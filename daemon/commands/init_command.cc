#include "daemon/commands/init_command.h"

#include <array>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <system_error>

#include "common/crypto/keys.h"
#include "daemon/commands/new_files.h"

namespace tunneld::daemon {
namespace {

struct Site {
  const char* name;
  const char* outside;  ///< its public address: an example to be replaced
  const char* inside;
  const char* network;  ///< the network behind it: likewise
};
constexpr std::array<Site, 2> kSites = {Site{"site-a", "203.0.113.1", "10.255.0.0/31", "10.10.0.0/16"},
                                        Site{"site-b", "203.0.113.2", "10.255.0.1/31", "10.20.0.0/16"}};

std::string site_config(const Site& own, const Site& other, const crypto::PublicKey& other_key) {
  std::ostringstream text;
  text << "# " << own.name
       << ", one end of a site-to-site link. Replace the addresses that are examples, then:\n"
       << "#   tunneld check --config site.yaml && tunneld --config site.yaml\n"
       << "interface:\n"
       << "  name: tun0\n"
       << "  addresses: [" << own.inside << "]        # of the tunnel itself\n"
       << "  listen_port: 51820                # UDP; open it in the firewall\n"
       << "  private_key_file: private.key\n"
       << "peers:\n"
       << "  - name: " << other.name << "\n"
       << "    public_key: \"" << other_key.to_base64() << "\"\n"
       << "    preshared_key_file: preshared.key\n"
       << "    endpoints: [\"" << other.outside
       << ":51820\"]   # example: the other end's public address or name\n"
       << "    # The other end of the tunnel, and (example) the network behind it; routes are set for them.\n"
       << "    allowed_ips: [10.255.0.0/31, " << other.network << "]\n"
       << "    persistent_keepalive: 25s         # keeps a NAT on the way open\n";
  return text.str();
}

}  // namespace

ExitCode init_site_to_site(const std::string& directory) {
  try {
    const std::array<crypto::PrivateKey, 2> keys = {crypto::PrivateKey::generate(),
                                                    crypto::PrivateKey::generate()};
    const crypto::PresharedKey preshared = crypto::PresharedKey::generate();
    NewFiles files;
    files.make_directory(directory);
    for (std::size_t i = 0; i < kSites.size(); ++i) {
      const std::filesystem::path folder = std::filesystem::path(directory) / kSites[i].name;
      files.make_directory(folder.string());
      write_key(files, (folder / "private.key").string(), keys[i]);
      write_key(files, (folder / "preshared.key").string(), preshared);
      files.write((folder / "site.yaml").string(),
                  site_config(kSites[i], kSites[1 - i], keys[1 - i].public_key()));
    }
    for (const Site& site : kSites) {
      std::cout << "wrote " << (std::filesystem::path(directory) / site.name / "site.yaml").string() << "\n";
    }
    files.keep();
  } catch (const std::system_error& error) {
    std::cerr << "tunneld: " << error.what() << "\n";
    return ExitCode::kRuntimeFailure;
  }
  std::cout
      << "Copy each folder to its host (/etc/tunneld), and replace the example addresses in site.yaml.\n";
  return ExitCode::kFine;
}

}  // namespace tunneld::daemon
