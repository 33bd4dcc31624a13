#include "daemon/host_commands.h"

#include <chrono>
#include <filesystem>
#include <iostream>
#include <set>
#include <system_error>
#include <thread>

#include <unistd.h>

#include "daemon/host_changes.h"
#include "daemon/interface_lock.h"
#include "daemon/run_directory.h"

namespace tunneld::daemon {
namespace {

/// Interfaces that have left a file of any kind.
std::set<std::string> known_interfaces() {
  std::set<std::string> interfaces;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run_directory(), error)) {
    const auto extension = entry.path().extension();
    if (extension == ".journal" || extension == ".lock" || extension == ".sock")
      interfaces.insert(entry.path().stem());
  }
  return interfaces;
}

ExitCode clean_up_one(const std::string& interface) {
  const auto lock = InterfaceLock::take(interface);
  if (!lock) {
    std::cerr << "tunneld: " << interface << " is up: use `tunneld down " << interface << "`\n";
    return ExitCode::kRuntimeFailure;
  }
  const std::size_t undone = HostChanges::undo_left_behind(interface);
  unlink(control_path(interface).c_str());
  std::cout << interface << ": " << undone << " change" << (undone == 1 ? "" : "s") << " undone\n";
  return ExitCode::kFine;
}

}  // namespace

ExitCode clean_up(const std::string& interface) {
  const std::set<std::string> interfaces =
      interface.empty() ? known_interfaces() : std::set<std::string>{interface};
  ExitCode result = ExitCode::kFine;
  for (const std::string& name : interfaces) {
    try {
      if (!std::filesystem::exists(run_directory())) continue;
      if (const ExitCode one = clean_up_one(name); one != ExitCode::kFine && interfaces.size() == 1)
        result = one;
    } catch (const std::system_error& error) {
      std::cerr << "tunneld: " << error.what() << "\n";
      result =
          error.code() == std::errc::permission_denied ? ExitCode::kNotPermitted : ExitCode::kRuntimeFailure;
    } catch (const net::NetlinkError& error) {
      std::cerr << "tunneld: " << error.what() << "\n";
      result = ExitCode::kRuntimeFailure;
    }
  }
  return result;
}

bool wait_until_gone(const std::string& interface) {
  using namespace std::chrono_literals;
  for (int i = 0; i < 200; ++i) {
    if (!std::filesystem::exists(lock_path(interface))) return true;
    std::this_thread::sleep_for(50ms);
  }
  std::cerr << "tunneld: " << interface << " is still stopping\n";
  return false;
}

}  // namespace tunneld::daemon
