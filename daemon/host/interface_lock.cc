#include "daemon/host/interface_lock.h"

#include <fstream>
#include <utility>

#include <unistd.h>

#include "common/json.h"
#include "daemon/host/journal_owner.h"
#include "daemon/host/run_directory.h"

namespace tunneld::daemon {
namespace {

/// A killed daemon holds its lock until the kernel has taken its device apart: no reason to refuse a
/// successor.
constexpr std::chrono::milliseconds kPatience{700};

/// For holder() alone; the lock does not need it.
void write_holder(int file) {
  const std::string text = JournalOwner::self().to_json().dump() + "\n";
  if (ftruncate(file, 0) == 0) {
    [[maybe_unused]] const ssize_t written = pwrite(file, text.data(), text.size(), 0);
  }
}

}  // namespace

std::optional<InterfaceLock> InterfaceLock::take(const std::string& interface) {
  auto lock = FileLock::take(lock_path(interface), kPatience);
  if (!lock) return std::nullopt;
  write_holder(lock->fd());
  return InterfaceLock(std::move(*lock));
}

std::string InterfaceLock::holder(const std::string& interface) {
  std::string line;
  std::ifstream file(lock_path(interface));
  std::getline(file, line);
  const auto owner = JournalOwner::from_json(Json::parse(line).value_or(nullptr));
  if (!owner) return "another process";
  std::string words = "process " + std::to_string(owner->pid);
  if (owner->network_namespace != JournalOwner::self().network_namespace) {
    words += " in another network namespace; give each namespace a TUNNELD_RUN_DIR of its own";
  }
  return words;
}

bool InterfaceLock::wait_until_free(const std::string& interface, std::chrono::milliseconds patience) {
  return FileLock::wait_until_free(lock_path(interface), patience);
}

}  // namespace tunneld::daemon
