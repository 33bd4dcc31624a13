#include "daemon/host/shared_settings.h"

#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>
#include <type_traits>
#include <variant>

#include <fcntl.h>
#include <sys/file.h>

#include "common/log.h"
#include "daemon/host/journal.h"
#include "daemon/host/journal_owner.h"
#include "daemon/host/run_directory.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

template <typename Kind>
concept IsShared = requires(Kind change, const Kind other) {
  change.take_before(other);
};

bool is_shared(const HostChange& change) {
  return std::visit([]<typename Kind>(const Kind&) { return IsShared<Kind>; }, change);
}

/// Looks at the same setting in the journals of other runs in this network namespace, until `visit` says true.
bool any_other(
    const HostChange& change,
    const std::function<bool(const HostChange& theirs, const JournalOwner& owner)>& visit) noexcept {
  if (!is_shared(change)) return false;
  try {
    const JournalOwner self = JournalOwner::self();
    for (const auto& entry : std::filesystem::directory_iterator(run_directory())) {
      if (entry.path().extension() != ".journal") continue;
      const auto content = Journal::content_of(entry.path());
      if (!content || content->owner.boot != self.boot || content->owner.pid == self.pid ||
          content->owner.network_namespace != self.network_namespace)
        continue;
      for (const auto& [id, theirs] : content->pending) {
        if (theirs == change && visit(theirs, content->owner)) return true;
      }
    }
  } catch (const std::exception& error) {
    log::debug("the journals of other tunnelds cannot be read: {}", error.what());
  }
  return false;
}

}  // namespace

SharedSettingsLock::SharedSettingsLock(const HostChange& change) noexcept {
  if (!is_shared(change)) return;
  directory_ = net::FileDescriptor(::open(run_directory().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory_.is_open()) return;
  const auto end = std::chrono::steady_clock::now() + 1s;
  while (::flock(directory_.get(), LOCK_EX | LOCK_NB) != 0 && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(5ms);
}

bool inherit_setting(HostChange& change) noexcept {
  return any_other(change, [&change](const HostChange& theirs, const JournalOwner&) {
    std::visit(
        [&theirs]<typename Kind>(Kind& ours) {
          if constexpr (IsShared<Kind>) ours.take_before(std::get<Kind>(theirs));
        },
        change);
    return true;
  });
}

bool is_needed_by_others(const HostChange& change) noexcept {
  return any_other(change, [](const HostChange&, const JournalOwner& owner) { return owner.is_alive(); });
}

}  // namespace tunneld::daemon
