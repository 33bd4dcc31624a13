#include "daemon/host/journal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/json.h"
#include "common/log.h"
#include "common/system_error.h"
#include "daemon/host/journal_owner.h"
#include "daemon/host/run_directory.h"

namespace tunneld::daemon {
namespace {

/// What it says is undone as root, so root must have written it (or we, where we are not root).
void check_origin(const net::FileDescriptor& file, const std::filesystem::path& path) {
  struct stat status {};
  if (fstat(file.get(), &status) != 0) fail(errno, path);
  const bool is_trusted = S_ISREG(status.st_mode) && (status.st_uid == 0 || status.st_uid == geteuid()) &&
                          (status.st_mode & 022) == 0;
  if (!is_trusted) {
    throw JournalError(path.string() +
                       ": not undone, because others could have written it; look at it, undo " +
                       "what it says by hand, and remove it");
  }
}

std::string read_all(const net::FileDescriptor& file, const std::filesystem::path& path) {
  std::string text;
  std::array<char, 65536> part;
  for (;;) {
    const ssize_t length = pread(file.get(), part.data(), part.size(), static_cast<off_t>(text.size()));
    if (length < 0) fail(errno, path);
    if (length == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(length));
  }
}

/// nullopt if there is none, or others could have written it.
std::optional<std::string> read_trusted(const std::filesystem::path& path) {
  const net::FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.is_open()) return std::nullopt;
  try {
    check_origin(file, path);
  } catch (const JournalError&) {
    return std::nullopt;
  }
  return read_all(file, path);
}

/// What one line after the other says.
struct Lines {
  std::optional<JournalOwner> owner;
  std::map<std::uint64_t, HostChange> pending;
  std::uint64_t highest_id = 0;

  /// False: this version does not know such a line.
  bool read(std::string_view line) {
    const Json json = Json::parse(line).value_or(nullptr);
    if (json.contains("owner")) {
      owner = JournalOwner::from_json(json["owner"]);
    } else if (json.contains("undone") && json["undone"].is_number_unsigned()) {
      pending.erase(json["undone"].get<std::uint64_t>());
    } else if (auto change = json.contains("id") && json["id"].is_number_unsigned()
                                 ? from_json(json.value("change", Json()))
                                 : std::nullopt) {
      const auto id = json["id"].get<std::uint64_t>();
      pending.insert_or_assign(id, std::move(*change));
      highest_id = std::max(highest_id, id);
    } else {
      return false;
    }
    return true;
  }
};

Lines lines_of(const std::string& text) {
  Lines lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.read(line);
  return lines;
}

/// The last one. nullopt where there is none, or no journal that is to be trusted.
std::optional<JournalOwner> owner_of(const std::filesystem::path& path) {
  const auto text = read_trusted(path);
  return text ? lines_of(*text).owner : std::nullopt;
}

/// `network_namespace`: like "net:[4026531840]".
std::string name_aside(const std::string& interface, std::string network_namespace) {
  std::erase_if(network_namespace, [](char c) { return c < '0' || c > '9'; });
  return interface + "@" + network_namespace;
}
std::filesystem::path path_aside(const std::string& interface, const std::string& network_namespace) {
  return journal_path(name_aside(interface, network_namespace));
}

/// Whether the changes of `owner` still exist and may be undone here. Throws JournalError.
bool is_ours_to_undo(const JournalOwner& owner, const std::filesystem::path& path) {
  const JournalOwner self = JournalOwner::self();
  if (owner.boot != self.boot) return false;
  if (owner.is_alive()) {
    throw JournalError("another tunneld (process " + std::to_string(owner.pid) +
                       ") runs this interface: " + path.string() + " is its journal");
  }
  if (owner.network_namespace == self.network_namespace) return true;
  if (!owner.namespace_exists()) return false;
  throw JournalError(path.string() + " was left by a tunneld in another network namespace (" +
                     owner.network_namespace +
                     "): run `tunneld cleanup` in that one, or set TUNNELD_RUN_DIR " +
                     "to a directory of its own for each namespace");
}

/// The file that a long journal is rewritten into.
std::filesystem::path beside(const std::filesystem::path& path) {
  return path.string() + ".new";
}

std::string owner_line() {
  return Json{{"owner", JournalOwner::self().to_json()}}.dump();
}
std::string change_line(std::uint64_t id, const HostChange& change) {
  return Json{{"id", id}, {"change", to_json(change)}}.dump();
}

}  // namespace

Journal::Journal(const std::string& interface)
    : path_(journal_path(interface)),
      file_(open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600)) {
  if (!file_.is_open()) fail(errno, path_);
  check_origin(file_, path_);
  read_pending();
  unlink(beside(path_).c_str());  // a killed run's
  try {
    write_line(owner_line());
  } catch (const std::system_error&) {
    if (pending_.empty()) remove();
    throw;
  }
}

void Journal::set_aside_of_other_namespaces(const std::string& interface) {
  const std::filesystem::path path = journal_path(interface);
  const JournalOwner self = JournalOwner::self();
  if (const auto owner = owner_of(path); owner && owner->network_namespace != self.network_namespace &&
                                         owner->boot == self.boot && !owner->is_alive() &&
                                         owner->namespace_exists()) {
    const std::filesystem::path aside = path_aside(interface, owner->network_namespace);
    if (std::filesystem::exists(aside)) return;  // and the constructor says so
    std::filesystem::rename(path, aside);
    log::warn(
        "what a run of {} has changed in another network namespace ({}) stays there: `tunneld cleanup` there "
        "undoes it",
        interface, owner->network_namespace);
  }
  const std::filesystem::path own = path_aside(interface, self.network_namespace);
  if (std::filesystem::exists(own) && !std::filesystem::exists(path)) std::filesystem::rename(own, path);
}

std::string Journal::set_aside_for_this_namespace(const std::string& interface) {
  std::string name = name_aside(interface, JournalOwner::self().network_namespace);
  return exists(name) ? name : std::string();
}

std::optional<Journal::Content> Journal::content_of(const std::filesystem::path& path) {
  const auto text = read_trusted(path);
  if (!text) return std::nullopt;
  Lines lines = lines_of(*text);
  if (!lines.owner) return std::nullopt;
  return Content{*std::move(lines.owner), std::move(lines.pending)};
}

bool Journal::exists(const std::string& interface) {
  std::error_code ignored;
  return std::filesystem::exists(journal_path(interface), ignored);
}

void Journal::read_pending() {
  const std::string text = read_all(file_, path_);
  Lines lines;
  while (size_ < text.size()) {
    const std::size_t end = text.find('\n', size_);
    if (end == std::string::npos) break;
    const std::string_view line(text.data() + size_, end - size_);
    size_ = end + 1;

    if (!lines.read(line)) {
      log::warn("{}: this line cannot be undone, because this version does not know it: {}", path_.string(),
                line);
    }
  }
  pending_ = std::move(lines.pending);
  next_id_ = lines.highest_id + 1;
  const auto& owner = lines.owner;
  if (owner && !is_ours_to_undo(*owner, path_)) {
    if (owner->boot == JournalOwner::self().boot && !pending_.empty()) {
      log::warn(
          "what a run has changed in {}, a network namespace that is gone or hidden from us, is forgotten",
          owner->network_namespace);
    }
    pending_.clear();
    size_ = 0;
  }
  // A torn line must not become the beginning of the next one.
  if (size_ < text.size() && ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) fail(errno, path_);
}

void Journal::write_line(const std::string& line) {
  const std::string whole = line + "\n";
  const ssize_t written = write(file_.get(), whole.data(), whole.size());
  if (written == static_cast<ssize_t>(whole.size())) {
    size_ += whole.size();
    return;
  }
  const int error = written < 0 ? errno : ENOSPC;
  // The part that was written is removed; if that fails, too, the line is torn, and the reader skips it.
  if (written > 0 && ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) {
    fail(errno, path_);
  }
  fail(error, path_);
}

void Journal::shorten() noexcept {
  const std::filesystem::path fresh = beside(path_);
  long_ = 2 * size_;  // so that a failure is not repeated at once
  try {
    std::string text = owner_line() + '\n';
    for (const auto& [id, change] : pending_) text += change_line(id, change) + '\n';
    unlink(fresh.c_str());
    net::FileDescriptor file(
        open(fresh.c_str(), O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.is_open()) return;
    const bool is_whole = write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (is_whole && rename(fresh.c_str(), path_.c_str()) == 0) {
      file_ = std::move(file);
      size_ = text.size();
      long_ = std::max(kLong, 2 * size_);
      return;
    }
  } catch (const std::exception& error) {
    log::debug("{}: {}", fresh.string(), error.what());
  }
  unlink(fresh.c_str());  // the long one is as good
}

std::uint64_t Journal::record(const HostChange& change) {
  const std::uint64_t id = next_id_;
  rewrite(id, change);
  ++next_id_;
  return id;
}

void Journal::rewrite(std::uint64_t id, const HostChange& change) {
  if (size_ >= long_) shorten();
  write_line(change_line(id, change));
  pending_.insert_or_assign(id, change);
}

void Journal::forget(std::uint64_t id) noexcept {
  try {
    pending_.erase(id);
    write_line(Json{{"undone", id}}.dump());
  } catch (const std::exception& error) {
    log::warn("{}", error.what());
  }
}

void Journal::remove() noexcept {
  unlink(path_.c_str());
}

}  // namespace tunneld::daemon
