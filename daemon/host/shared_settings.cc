#include "daemon/host/shared_settings.h"

#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>
#include <type_traits>
#include <variant>

#include <fcntl.h>
#include <sys/file.h>

#include "common/log.h"
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

/// As another journal of this network namespace has it; nullopt: none does.
std::optional<HostChange> in_other_journal(const HostChange& change, const Journal& own) noexcept {
  if (!is_shared(change)) return std::nullopt;
  try {
    const JournalOwner self = JournalOwner::self();
    for (const auto& entry : std::filesystem::directory_iterator(run_directory())) {
      if (entry.path().extension() != ".journal" || entry.path() == own.path()) continue;
      const auto content = Journal::content_of(entry.path());
      if (!content || content->owner.boot != self.boot ||
          content->owner.network_namespace != self.network_namespace)
        continue;
      for (const auto& [id, theirs] : content->pending) {
        if (theirs == change) return theirs;
      }
    }
  } catch (const std::exception& error) {
    log::debug("the journals of other tunnelds cannot be read: {}", error.what());
  }
  return std::nullopt;
}

}  // namespace

SharedSettingsLock::SharedSettingsLock(const HostChange& change) noexcept {
  if (!is_shared(change)) return;
  directory_ = net::FileDescriptor(::open(run_directory().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory_.is_open()) return;
  const auto end = std::chrono::steady_clock::now() + 200ms;
  while (::flock(directory_.get(), LOCK_EX | LOCK_NB) != 0 && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(5ms);
}

bool inherit_setting(HostChange& change, const Journal& own) noexcept {
  const auto theirs = in_other_journal(change, own);
  if (!theirs) return false;
  std::visit(
      [&theirs]<typename Kind>(Kind& ours) {
        if constexpr (IsShared<Kind>) ours.take_before(std::get<Kind>(*theirs));
      },
      change);
  return true;
}

bool is_in_other_journals(const HostChange& change, const Journal& own) noexcept {
  return in_other_journal(change, own).has_value();
}

}  // namespace tunneld::daemon
