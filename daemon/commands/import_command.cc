#include "daemon/commands/import_command.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/net/file_descriptor.h"
#include "config/openvpn_profile.h"
#include "config/parse.h"
#include "config/wg_quick/wg_quick.h"
#include "daemon/commands/new_files.h"

namespace tunneld::daemon {
namespace {

constexpr std::size_t kMaxFileSize = std::size_t{4} << 20U;

/// The file holds keys, so it is read into memory that is wiped. Throws std::system_error.
crypto::SecretText read_secret_text(const std::string& path) {
  const auto fail = [&path](int error) { throw std::system_error(error, std::generic_category(), path); };
  const net::FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0) fail(errno);
  if (!S_ISREG(status.st_mode)) fail(S_ISDIR(status.st_mode) ? EISDIR : EINVAL);
  if (status.st_size > static_cast<off_t>(kMaxFileSize)) fail(EFBIG);
  if ((status.st_mode & S_IRWXO) != 0) {
    std::cerr << path << ": warning: everybody can read it and its keys: run chmod 600 and make new keys\n";
  }
  crypto::SecretText text;
  text.resize(kMaxFileSize + 1 < static_cast<std::size_t>(status.st_size) + 1
                  ? kMaxFileSize + 1
                  : static_cast<std::size_t>(status.st_size) + 1);
  std::size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(errno);
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  text.resize(length);
  return text;
}

/// Returns the path of the configuration. Throws std::system_error.
std::string write_all(NewFiles& files, const config::WgQuick& imported, const ImportOptions& options) {
  const std::filesystem::path directory(options.directory);
  files.make_directory(options.directory);
  const config::InterfaceConfig& interface = imported.config.interface;
  write_key(files, (directory / interface.private_key_file.value.name).string(), imported.keys.private_key);
  for (const config::PeerConfig& peer : imported.config.peers) {
    if (const auto* key = config::find_preshared_key(imported.keys.preshared_keys, peer))
      write_key(files, (directory / peer.preshared_key_file->value.name).string(), *key);
  }
  std::string path = (directory / (interface.name.value + ".yaml")).string();
  files.write(path, write_yaml(imported, options.file));
  return path;
}

void say(const config::OpenvpnProfile& profile) {
  std::cerr << to_string(profile.error) << "\n";
  if (!profile.options.empty()) std::cerr << "What of it has a place in a configuration of tunneld:\n";
  for (const std::string& option : profile.options) std::cerr << "  " << option << "\n";
}

}  // namespace

ExitCode import_wg_quick(const ImportOptions& options) {
  try {
    const crypto::SecretText text = read_secret_text(options.file);
    if (const auto profile = config::find_openvpn_profile(text, options.file)) {
      say(*profile);
      return ExitCode::kBadUsage;
    }
    const config::WgQuickResult parsed =
        config::parse_wg_quick(text, options.file, std::filesystem::path(options.file).stem().string());
    std::cerr << to_string(parsed.diagnostics);
    if (!parsed.file) return ExitCode::kBadUsage;
    NewFiles files;
    const std::string path = write_all(files, *parsed.file, options);
    const config::ParseResult read_back = config::parse_file(path);
    if (!read_back.config) {
      std::cerr << options.file
                << ": tunneld does not accept the resulting configuration; nothing was written. Its errors:\n"
                << to_string(read_back.diagnostics);
      return ExitCode::kBadUsage;
    }
    for (const std::string& file : files.paths()) std::cout << "wrote " << file << "\n";
    files.keep();
    std::cout << "next: tunneld check --config " << path << " --plan\n";
  } catch (const std::system_error& error) {
    std::cerr << "tunneld: " << error.what() << "\n";
    return ExitCode::kRuntimeFailure;
  }
  return ExitCode::kFine;
}

}  // namespace tunneld::daemon
