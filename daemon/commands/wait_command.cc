// Asks for the status four times a second: a session comes by itself within a second or so, and a request that the
// daemon holds open would need another limit on silent connections.
#include "daemon/commands/wait_command.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>

#include "config/scalars.h"
#include "daemon/commands/control_client.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kPause = 250ms;
/// With one answer: a daemon that hangs may be restarted meanwhile.
constexpr std::chrono::milliseconds kPatienceWithOne = 2s;

/// The same as missing_in(), also while there is no daemon.
std::optional<std::string> missing_now(const WaitOptions& options, std::chrono::milliseconds patience) {
  std::string interface = options.interface;
  if (interface.empty()) {
    const auto running = running_interfaces();
    if (running.empty()) return "no tunneld is running";
    interface = choose_interface(running.size() == 1 ? running.front() : "");
  }
  Json status;
  try {
    status = ask(interface, "status", patience);
  } catch (const ControlError& error) {
    if (error.code() != ExitCode::kRuntimeFailure) throw;
    return error.what();
  }
  return missing_in(status, options.configured);
}

}  // namespace

std::optional<std::string> missing_in(const Json& status, bool configured) {
  const auto name = status.at("interface").at("name").get<std::string>();
  if (configured) {
    if (!status.contains("client"))
      throw ControlError(ExitCode::kBadUsage,
                         name + " is no client: no server configures it (use --for session)");
    if (!status.at("client").at("configured_by").is_null()) return std::nullopt;
  }
  std::string peers;
  for (const auto& peer : status.at("peers")) {
    const auto state = peer.at("state").get<std::string>();
    if (!configured && state == "up") return std::nullopt;
    auto note = peer.at("note").get<std::string>();
    if (state == "idle" && note.empty())
      note = "it is called when there is traffic, or a persistent_keepalive";
    if (state == "up" && note.empty()) continue;
    peers += "; " + peer.at("name").get<std::string>() + ": " + state;
    if (!note.empty()) peers += " (" + note + ")";
  }
  return name + ": " + (configured ? "no configuration from a server" : "no session with a peer") + peers;
}

ExitCode wait_for_tunnel(const WaitOptions& options) {
  using Clock = std::chrono::steady_clock;
  std::optional<Clock::time_point> end;
  if (!options.timeout.empty()) {
    const auto timeout = config::parse_duration(options.timeout);
    if (!timeout)
      throw ControlError(ExitCode::kBadUsage,
                         "--timeout: '" + options.timeout + "' is no duration such as 30s or 2m");
    end = Clock::now() + std::min<Duration>(*timeout, 24h * 365);
  }
  for (;;) {
    auto patience = kPatienceWithOne;
    if (end) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*end - Clock::now());
      patience = std::clamp(left, kPause, kPatienceWithOne);
    }
    const auto missing = missing_now(options, patience);
    if (!missing) return ExitCode::kFine;
    if (end && Clock::now() >= *end) {
      std::cerr << "tunneld: not within " << options.timeout << ": " << *missing << "\n";
      return ExitCode::kTimedOut;
    }
    std::this_thread::sleep_for(end ? std::min<Duration>(kPause, std::max<Duration>(*end - Clock::now(), 1ms))
                                    : Duration(kPause));
  }
}

}  // namespace tunneld::daemon
