#include "daemon/run_directory.h"

#include <cstdlib>

namespace tunneld::daemon {

std::filesystem::path run_directory() {
  const char* chosen = std::getenv("TUNNELD_RUN_DIR");
  return chosen != nullptr && *chosen != '\0' ? chosen : "/run/tunneld";
}

void make_run_directory() {
  std::filesystem::create_directories(run_directory());
}

std::filesystem::path lock_path(const std::string& interface) {
  return run_directory() / (interface + ".lock");
}
std::filesystem::path journal_path(const std::string& interface) {
  return run_directory() / (interface + ".journal");
}
std::filesystem::path control_path(const std::string& interface) {
  return run_directory() / (interface + ".sock");
}

}  // namespace tunneld::daemon
