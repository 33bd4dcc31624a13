#include "daemon/journal_owner.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>
#include <unistd.h>

namespace tunneld::daemon {
namespace {

/// Empty if there is no such process, or only what is left of it until its parent asks how it ended.
std::string start_time(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
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
  std::ifstream file(path);
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
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    if (line.find(' ' + network_namespace + ' ') != std::string::npos) return true;
  }
  std::error_code error;
  for (const auto& process : std::filesystem::directory_iterator("/proc", error)) {
    if (link_target(process.path() / "ns/net") == network_namespace) return true;
  }
  return false;
}

nlohmann::json JournalOwner::to_json() const {
  return {{"pid", pid}, {"started", started}, {"network_namespace", network_namespace}, {"boot", boot}};
}

std::optional<JournalOwner> JournalOwner::from_json(const nlohmann::json& json) {
  try {
    return JournalOwner{.pid = json.at("pid"),
                        .started = json.at("started"),
                        .network_namespace = json.at("network_namespace"),
                        .boot = json.at("boot")};
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace tunneld::daemon
