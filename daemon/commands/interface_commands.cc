#include "daemon/commands/interface_commands.h"

#include <chrono>
#include <iostream>

#include "common/counted.h"
#include "common/json.h"
#include "config/parse.h"
#include "daemon/commands/cleanup.h"
#include "daemon/commands/control_client.h"
#include "daemon/host/interface_lock.h"
#include "daemon/host/journal.h"
#include "daemon/status.h"

namespace tunneld::daemon {
namespace {

constexpr std::chrono::seconds kStopPatience{10};

}  // namespace

ExitCode show_status(const std::string& interface, bool json) {
  const Json status = ask(choose_interface(interface), "status");
  std::cout << (json ? status.dump(2) + "\n" : render_status(status));
  return ExitCode::kFine;
}

ExitCode reload(const std::string& interface) {
  const Json reply = ask(choose_interface(interface), "reload");
  const auto& peers = reply.at("peers");
  std::cout << "reloaded " << reply.at("reloaded").get<std::string>() << ": "
            << counted(peers.at("added").get<std::size_t>(), "peer") << " added, "
            << peers.at("removed").get<std::size_t>() << " removed, "
            << peers.at("changed").get<std::size_t>() << " changed\n";
  for (const auto& note : reply.at("notes")) std::cout << note.get<std::string>() << "\n";
  return ExitCode::kFine;
}

ExitCode bring_down(const std::string& name) {
  const std::string interface = choose_interface(name);
  try {
    [[maybe_unused]] const Json reply = ask(interface, "down");
  } catch (const NotRunning&) {
    // It was killed, and may have left a kill switch closed.
    if (!Journal::exists(interface)) throw;
    return clean_up(interface);
  }
  if (InterfaceLock::wait_until_free(interface, kStopPatience)) return ExitCode::kFine;
  std::cerr << "tunneld: " << interface << " is still stopping\n";
  return ExitCode::kRuntimeFailure;
}

std::string interface_of(const std::string& path) {
  const config::ParseResult parsed = config::parse_file(path);
  if (parsed.interface_name) return *parsed.interface_name;
  std::string words = to_string(parsed.diagnostics);
  if (words.ends_with('\n')) words.pop_back();
  throw ControlError(ExitCode::kBadUsage, words);
}

}  // namespace tunneld::daemon
