// The file of leases, STATE_DIRECTORY/IF.leases: JSON with a checksum, read once and replaced as a whole.
//
// After a crash or a power failure, there is either the old file or the new one. The new file is written beside
// the old one, synced and renamed over it; then the directory is synced. If the disk is full, it fails before the
// rename, and the old file stays.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "daemon/push/address_pool.h"

namespace tunneld::daemon {

/// The file must not be replaced: a later version has written it, or others could have. what() says the fix.
class LeaseStoreError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class LeaseStore {
 public:
  explicit LeaseStore(std::filesystem::path path) : path_(std::move(path)) {}

  /// The stored leases; none if there is no file. A damaged file is moved aside, with a warning. Throws
  /// LeaseStoreError, or std::system_error if the file cannot be read.
  [[nodiscard]] std::vector<Lease> load() const;
  /// The leases are on disk when this returns. Throws std::system_error; then the old file is still there.
  void save(const Leases& leases) const;

 private:
  std::filesystem::path path_;
};

}  // namespace tunneld::daemon
