#include "daemon/host/journal_owner.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include <unistd.h>

#include "common/nothing_left.h"

namespace tunneld::daemon {
namespace {

/// Not open where the file does not exist. Throws std::system_error where memory or descriptors are used up.
std::ifstream open_to_read(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  if (!file.is_open() && nothing_left(errno)) throw std::system_error(errno, std::generic_category(), path);
  return file;
}

/// Empty if there is no such process, or only a zombie.
std::string start_time(pid_t pid) {
  std::ifstream file = open_to_read("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  // The second field is the program's name in brackets, and may hold blanks and brackets itself.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return "";
  std::istringstream rest(line.substr(name_end + 1));
  constexpr int kStartTime = 22;
  std::string state;
  rest >> state;
  if (state == "Z" || state == "X") return "";
  std::string field;
  for (int i = 4; i <= kStartTime; ++i) rest >> field;
  return rest ? field : "";
}

std::string first_line(const char* path) {
  std::ifstream file = open_to_read(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string link_target(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::read_symlink(path, ignored).string();
}

}  // namespace

JournalOwner JournalOwner::self() {
  return {.pid = getpid(),
          .started = start_time(getpid()),
          // Of the thread: setns(2) moves threads, not processes.
          .network_namespace = link_target("/proc/thread-self/ns/net"),
          .boot = first_line("/proc/sys/kernel/random/boot_id")};
}

bool JournalOwner::is_alive() const {
  return !started.empty() && start_time(pid) == started;
}

bool JournalOwner::namespace_exists() const {
  std::ifstream mounts = open_to_read("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    if (line.find(' ' + network_namespace + ' ') != std::string::npos) return true;
  }
  std::error_code error;
  for (const auto& process : std::filesystem::directory_iterator("/proc", error)) {
    if (link_target(process.path() / "ns/net") == network_namespace) return true;
  }
  if (error) throw std::system_error(error, "/proc");
  return false;
}

Json JournalOwner::to_json() const {
  return {{"pid", pid}, {"started", started}, {"network_namespace", network_namespace}, {"boot", boot}};
}

std::optional<JournalOwner> JournalOwner::from_json(const Json& json) {
  try {
    return JournalOwner{.pid = json.at("pid"),
                        .started = json.at("started"),
                        .network_namespace = json.at("network_namespace"),
                        .boot = json.at("boot")};
  } catch (const Json::Error&) {
    return std::nullopt;
  }
}

}  // namespace tunneld::daemon
