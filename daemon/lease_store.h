// The file of leases, STATE_DIRECTORY/IF.leases: JSON with a checksum, read once and replaced as a whole.
//
// Replaced so that whoever looks, after whatever end, finds the old file or the new one: written beside it,
// synced, renamed over it, and the directory synced. A full disk fails before the rename, and the old file
// stays as it was.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "daemon/push/address_pool.h"

namespace tunneld::daemon {

/// A file that must not be replaced: a later version's, or one that is not ours to trust. what() says the
/// fix.
class LeaseStoreError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class LeaseStore {
 public:
  explicit LeaseStore(std::filesystem::path path) : path_(std::move(path)) {}

  /// The leases of before; none where there is no file. A file that is damaged is moved aside, with a
  /// warning. Throws LeaseStoreError; std::system_error where it cannot be read.
  [[nodiscard]] std::vector<Lease> load() const;
  /// When it returns, they are on disk. Throws std::system_error: the file is as before.
  void save(const Leases& leases) const;

 private:
  std::filesystem::path path_;
};

}  // namespace tunneld::daemon
