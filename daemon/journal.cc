#include "daemon/journal.h"

#include <fstream>
#include <system_error>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "daemon/run_directory.h"

namespace tunneld::daemon {

Journal::Journal(const std::string& interface) : path_(journal_path(interface)) {
  file_ =
      net::FileDescriptor(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file_.is_open()) throw std::system_error(errno, std::generic_category(), path_);
}

void Journal::append(const HostChange& change) {
  const std::string line = to_json(change).dump() + "\n";
  // One write: either the whole line is there, or the change is not made.
  const ssize_t written = write(file_.get(), line.data(), line.size());
  if (written != static_cast<ssize_t>(line.size())) {
    throw std::system_error(written < 0 ? errno : ENOSPC, std::generic_category(), path_);
  }
}

void Journal::remove() noexcept {
  unlink(path_.c_str());
}

std::optional<std::vector<HostChange>> Journal::read(const std::string& interface) {
  std::ifstream file(journal_path(interface));
  if (!file) return std::nullopt;
  std::vector<HostChange> changes;
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_discarded()) continue;
    if (auto change = from_json(json)) changes.push_back(std::move(*change));
  }
  return changes;
}

void Journal::remove_left_behind(const std::string& interface) noexcept {
  unlink(journal_path(interface).c_str());
}

}  // namespace tunneld::daemon
