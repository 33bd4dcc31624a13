#include "daemon/peer_file.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/new_files.h"

namespace tunneld::daemon {
namespace {

[[noreturn]] void fail(const std::string& path) {
  throw std::system_error(errno, std::generic_category(), path);
}

/// A name that has come or gone survives a power cut.
void sync(const std::string& directory) {
  const net::FileDescriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open() || ::fsync(fd.get()) != 0) fail(directory);
}

}  // namespace

PeerFolder::PeerFolder(const std::string& config)
    : path_((std::filesystem::path(config).parent_path() / "peers.d").string()) {
  const std::string parent = (std::filesystem::path(config).parent_path() / ".").string();
  lock_ = net::FileDescriptor(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock_.is_open()) fail(parent);
  while (::flock(lock_.get(), LOCK_EX) != 0) {
    if (errno != EINTR) fail(parent);
  }
}

void PeerFolder::publish(const std::string& peer, std::string_view yaml) const {
  // `*` of include matches no name that starts with a dot.
  NewFiles files;
  files.write(hidden_path(peer), yaml);
  // As rename, but over nothing.
  const std::string path = yaml_path(peer);
  if (::renameat2(AT_FDCWD, hidden_path(peer).c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0)
    fail(path);
  files.keep();
  try {
    sync(path_);
  } catch (const std::system_error&) {
    ::unlink(path.c_str());
    throw;
  }
}

std::string PeerFolder::remove(const std::string& peer) const {
  if (::unlink(yaml_path(peer).c_str()) != 0) fail(yaml_path(peer));
  try {
    if (::unlink(preshared_key_path(peer).c_str()) != 0 && errno != ENOENT) fail(preshared_key_path(peer));
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
