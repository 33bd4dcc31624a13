// `tunneld --config FILE`: reads the configuration, takes the lock, runs, and turns the end into an exit code.
#include "daemon/run.h"

#include <cstdint>
#include <memory>
#include <utility>

#include <fmt/core.h>
#include <unistd.h>

#include "common/net/holder.h"
#include "config/load_keys.h"
#include "config/parse.h"
#include "daemon/daemon.h"
#include "daemon/handover.h"
#include "daemon/host/dns/names_helper.h"
#include "daemon/host/interface_lock.h"
#include "daemon/host/journal.h"
#include "daemon/host/privilege.h"
#include "daemon/host/run_directory.h"
#include "daemon/logging.h"
#include "daemon/opening.h"

namespace tunneld::daemon {
namespace {

/// Ports below it need CAP_NET_BIND_SERVICE (ip(7)).
constexpr std::uint16_t kFirstFreePort = 1024;

/// If the start fails, discards what the last run has left for this one, so that the next try begins clean.
/// Throws as Daemon's constructor.
std::unique_ptr<Daemon> start(const std::string& path, config::Config config, config::Keys keys) {
  const std::string interface = config.interface.name.value;
  try {
    return std::make_unique<Daemon>(path, std::move(config), std::move(keys));
  } catch (...) {
    drop_kept_queues();
    HandoverFile(interface).remove();
    throw;
  }
}

}  // namespace

ExitCode run_daemon(const RunOptions& options) {
  config::ParseResult parsed = config::parse_file(options.config);
  if (!parsed.config) {
    print_diagnostics(parsed.diagnostics);
    return ExitCode::kBadUsage;
  }
  const auto port = parsed.config->interface.listen_port.value_or(0);
  const bool has_low_port = port != 0 && port < kFirstFreePort;
  if (!has_low_port) give_up_low_ports();
  const auto begin_logging = [&] {
    start_logging(options.log_level.value_or(parsed.config->log.level), parsed.config->interface.name.value);
  };
  start_own_names_helper(begin_logging);
  config::KeysResult keys = config::load_keys(*parsed.config, config::NotPermitted::kIsError);
  try {
    // While we are root: other users cannot see which process holds the port or the interface.
    if (::geteuid() == 0) net::remember_holders(port, parsed.config->interface.name.value);
    give_up_power(has_low_port);
  } catch (const std::system_error& error) {
    print_error(error.what());
    return ExitCode::kRuntimeFailure;
  }
  // No thread may be started before this point, because privileges are given up by the calling thread only.
  begin_logging();
  if (!keys.keys) {
    print_diagnostics(keys.diagnostics);
    return ExitCode::kBadUsage;
  }
  // Logged, not printed, because printing waits for the reader.
  for (const config::Diagnostic& warning : parsed.diagnostics) log::warn("{}", to_string(warning));
  for (const config::Diagnostic& warning : keys.diagnostics) log::warn("{}", to_string(warning));

  try {
    make_run_directory();
    const auto lock = InterfaceLock::take(parsed.config->interface.name.value);
    if (!lock) {
      log_last_words(fmt::format(
          "another tunneld runs on {0} ({1}): if that is another tunnel, choose another 'interface.name' for "
          "this one",
          parsed.config->interface.name.value, InterfaceLock::holder(parsed.config->interface.name.value)));
      return ExitCode::kRuntimeFailure;
    }
    Journal::set_aside_of_other_namespaces(parsed.config->interface.name.value);
    return start(options.config, std::move(*parsed.config), std::move(*keys.keys))->run();
  } catch (const net::TunError& error) {
    log_last_words(error.what());
    return error.reason() == net::TunError::Reason::kNotPermitted ? ExitCode::kNotPermitted
                                                                  : ExitCode::kRuntimeFailure;
  } catch (const net::NetlinkError& error) {
    log_last_words(error.what());
    return error.reason() == net::NetlinkError::Reason::kNotPermitted ? ExitCode::kNotPermitted
                                                                      : ExitCode::kRuntimeFailure;
  } catch (const std::system_error& error) {
    log_last_words(error.what());
    const bool permission =
        error.code() == std::errc::permission_denied || error.code() == std::errc::operation_not_permitted;
    return permission ? ExitCode::kNotPermitted : ExitCode::kRuntimeFailure;
  } catch (const std::exception& error) {
    log_last_words(error.what());
    return ExitCode::kRuntimeFailure;
  }
}

}  // namespace tunneld::daemon
