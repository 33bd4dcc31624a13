#include "daemon/host/state_directory.h"

#include <cstdlib>
#include <string_view>

namespace tunneld::daemon {

std::filesystem::path state_directory() {
  for (const char* name : {"TUNNELD_STATE_DIR", "STATE_DIRECTORY"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view list(value);  // systemd joins several by colons
    return list.substr(0, list.find(':'));
  }
  return "/var/lib/tunneld";
}

std::filesystem::path leases_path(const std::string& interface) {
  return state_directory() / (interface + ".leases");
}

std::filesystem::path clock_path(const std::string& interface) {
  return state_directory() / (interface + ".clock");
}

}  // namespace tunneld::daemon
