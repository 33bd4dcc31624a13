#include "daemon/commands/peer_file.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/net/file_descriptor.h"
#include "common/system_error.h"
#include "daemon/commands/new_files.h"

namespace tunneld::daemon {
namespace {

/// Makes added and removed names survive a power failure.
void sync(const std::string& directory) {
  const net::FileDescriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open() || ::fsync(fd.get()) != 0) fail(errno, directory);
}

/// No `include` matches a name that starts with a dot.
constexpr const char* kLock = ".tunneld-client.lock";

FileLock take_lock(const std::string& path, std::chrono::milliseconds patience) {
  if (auto lock = FileLock::take(path, patience)) return std::move(*lock);
  throw std::runtime_error(path + " is held by " + FileLock::holder(path) + " for " +
                           std::to_string(patience.count() / 1000) +
                           " s: another `tunneld client` changes this configuration; wait for it, or end it");
}

}  // namespace

std::string PeerFolder::folder_of(const std::string& config) {
  const std::filesystem::path file(config);
  const std::filesystem::path own = file.parent_path() / (file.stem().string() + ".d");
  std::error_code error;
  return (std::filesystem::is_directory(own, error) ? own : file.parent_path() / "peers.d").string();
}

PeerFolder::PeerFolder(const std::string& config, std::chrono::milliseconds patience)
    : path_(folder_of(config)),
      lock_(take_lock((std::filesystem::path(config).parent_path() / kLock).string(), patience)) {}

void PeerFolder::publish(const std::string& peer, std::string_view yaml) const {
  // A `*` in `include` matches no name that starts with a dot.
  NewFiles files;
  files.write(hidden_path(peer), yaml);
  // Like rename, but never over an existing file.
  const std::string path = yaml_path(peer);
  if (::renameat2(AT_FDCWD, hidden_path(peer).c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0)
    fail(errno, path);
  files.keep();
  try {
    sync(path_);
  } catch (const std::system_error&) {
    ::unlink(path.c_str());
    throw;
  }
}

std::string PeerFolder::remove(const std::string& peer, KeyFile preshared_key) const {
  if (::unlink(yaml_path(peer).c_str()) != 0) fail(errno, yaml_path(peer));
  try {
    if (preshared_key == KeyFile::kGoes && ::unlink(preshared_key_path(peer).c_str()) != 0 && errno != ENOENT)
      fail(errno, preshared_key_path(peer));
    sync(path_);
  } catch (const std::system_error& error) {
    return error.what();
  }
  return {};
}

void PeerFolder::drop_leftovers(const std::string& peer) const {
  ::unlink(hidden_path(peer).c_str());
  if (::access(yaml_path(peer).c_str(), F_OK) != 0 && errno == ENOENT)
    ::unlink(preshared_key_path(peer).c_str());
}

}  // namespace tunneld::daemon
