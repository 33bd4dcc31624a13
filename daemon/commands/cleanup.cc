#include "daemon/commands/cleanup.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

#include <unistd.h>

#include "common/counted.h"
#include "common/net/netlink.h"
#include "common/nothing_left.h"
#include "config/parse.h"
#include "daemon/host/changes/nft_table.h"
#include "daemon/host/dns/dns_change.h"
#include "daemon/host/dns/names_helper.h"
#include "daemon/host/dns/own_namespace.h"
#include "daemon/host/dns/resolv_conf_file.h"
#include "daemon/host/dns/resolv_conf_text.h"
#include "daemon/host/host_change.h"
#include "daemon/host/host_changes.h"
#include "daemon/host/interface_lock.h"
#include "daemon/host/journal_owner.h"
#include "daemon/host/privilege.h"
#include "daemon/host/run_directory.h"
#include "daemon/stop_reason.h"

namespace tunneld::daemon {
namespace {

/// systemd is busy while it stops many services.
constexpr std::chrono::seconds kStopReasonPatience{3};
/// More than TimeoutStopSec= of tunneld@.service, after which a daemon that hangs is killed.
constexpr std::chrono::seconds kDaemonPatience{20};

/// Interfaces that have a file of any kind in the run directory. Throws std::system_error if it cannot be
/// read.
std::set<std::string> known_interfaces() {
  std::set<std::string> interfaces;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run_directory(), error)) {
    const auto extension = entry.path().extension();
    if (extension == ".journal" || extension == ".lock" || extension == ".sock") {
      interfaces.insert(entry.path().stem());
    }
  }
  if (error && nothing_left(error.value())) throw std::system_error(error, run_directory().string());
  return interfaces;
}

/// Precondition: the lock of the interface is held.
ExitCode undo_journal(const std::string& interface, Cleanup what) {
  const auto left_closed =
      what == Cleanup::kEverything ? HostChanges::LeftClosed::kIsUndone : HostChanges::LeftClosed::kStays;
  HostChanges::LeftBehind left;
  if (Journal::exists(interface)) left = HostChanges(interface, left_closed).left_behind();
  unlink(control_path(interface).c_str());
  unlink(handover_path(interface).c_str());
  std::cout << interface << ": " << counted(left.undone, "change") << " undone\n";
  if (left.stuck == 0) return ExitCode::kFine;
  std::cerr << "tunneld: " << interface << ": " << counted(left.stuck, "change")
            << " could not be undone; the log above says why, and cleanup can be repeated\n";
  return ExitCode::kRuntimeFailure;
}

/// The process number of a running tunneld, or nothing. Found by the program's name, because daemons need not
/// share a run directory. Throws std::system_error if it cannot be found out.
std::string tunneld_that_runs_here() {
  const std::string here = JournalOwner::self().network_namespace;
  std::error_code error;
  for (const auto& process : std::filesystem::directory_iterator("/proc", error)) {
    // "self" is an entry of /proc, too.
    std::string number = process.path().filename();
    if (number.find_first_not_of("0123456789") != std::string::npos || number == std::to_string(getpid()))
      continue;
    errno = 0;
    std::ifstream name_file(process.path() / "comm");
    if (!name_file.is_open() && nothing_left(errno))
      throw std::system_error(errno, std::generic_category(), process.path() / "comm");
    std::string name;
    std::getline(name_file, name);
    std::error_code unreadable;
    if (name == "tunneld" && std::filesystem::read_symlink(process.path() / "ns/net", unreadable) == here) {
      return number;
    }
  }
  if (error) throw std::system_error(error, "/proc");
  return {};
}

/// Removes what would otherwise stay for good when a journal was lost (a deleted run directory).
std::size_t remove_by_their_marks() {
  net::Netlink netlink;
  std::size_t removed = 0;
  for (const net::Family family : {net::Family::kIpv4, net::Family::kIpv6}) {
    for (const net::Rule& rule : netlink.rules(family)) {
      if (!is_our_rule(rule)) continue;
      netlink.remove_rule(rule);
      ++removed;
    }
    for (const net::Route& route : netlink.routes({.family = family, .protocol = net::kRouteProtocol})) {
      netlink.remove_route(route);
      ++removed;
    }
  }
  return removed;
}

std::size_t remove_lost_tables() {
  try {
    return remove_all_nft_tables();
  } catch (const net::NetlinkError& error) {
    // If listing them is not permitted, or the kernel has no nftables, nobody can have made any.
    if (error.reason() == net::NetlinkError::Reason::kNotPermitted ||
        error.reason() == net::NetlinkError::Reason::kNotSupported) {
      return 0;
    }
    throw;
  }
}

/// The same in /etc/resolv.conf, which also outlives a power failure.
std::size_t remove_dns_lines() {
  if (whom_serves("/etc/resolv.conf") != Whose::kOurs) return 0;
  std::vector<std::string> interfaces;
  if (needs_names_helper()) {
    interfaces = interfaces_with_dns_lines(read_resolv_conf("/etc/resolv.conf").value_or(""));
    for (const std::string& interface : interfaces) {
      (void)undo_dns({.interface = {.name = interface},
                      .servers = {},
                      .search = {},
                      .keeper = DnsKeeper::kFile,
                      .place = "/etc/resolv.conf",
                      .file = real_resolv_conf("/etc/resolv.conf")});
    }
    return interfaces.size();
  }
  edit_resolv_conf("/etc/resolv.conf", [&](const auto& text) -> std::optional<std::string> {
    interfaces = interfaces_with_dns_lines(text.value_or(""));
    if (interfaces.empty()) return std::nullopt;
    std::string rest = *text;
    for (const std::string& interface : interfaces) rest = without_dns_lines(rest, interface);
    return rest;
  });
  return interfaces.size();
}

/// Calls `action`, prints its errors and returns their exit codes.
template <typename Action>
ExitCode reporting(const Action& action) {
  try {
    return action();
  } catch (const std::system_error& error) {
    std::cerr << "tunneld: " << error.what() << "\n";
    const bool is_permission =
        error.code() == std::errc::permission_denied || error.code() == std::errc::operation_not_permitted;
    return is_permission ? ExitCode::kNotPermitted : ExitCode::kRuntimeFailure;
  } catch (const net::NetlinkError& error) {
    std::cerr << "tunneld: " << error.what() << "\n";
    return error.reason() == net::NetlinkError::Reason::kNotPermitted ? ExitCode::kNotPermitted
                                                                      : ExitCode::kRuntimeFailure;
  } catch (const JournalError& error) {
    std::cerr << "tunneld: " << error.what() << "\n";
    return ExitCode::kRuntimeFailure;
  }
}

ExitCode refuse_because_up(const std::string& interface) {
  std::cerr << "tunneld: " << interface << " is up (" << InterfaceLock::holder(interface)
            << "): nothing to clean up\n";
  return ExitCode::kRuntimeFailure;
}

ExitCode undo_set_aside(const std::string& name, Cleanup what) {
  const auto lock = InterfaceLock::take(name);
  return lock ? undo_journal(name, what) : refuse_because_up(name);
}

ExitCode clean_up_one(const std::string& interface, Cleanup what) {
  return reporting([&] {
    become_owner_of_run_directory();
    // No journal has it any more.
    tidy_dns();
    if (!std::filesystem::exists(run_directory())) {
      std::cout << interface << ": nothing to undo\n";
      return ExitCode::kFine;
    }
    const auto lock = InterfaceLock::take(interface);
    // The daemon that has the interface may be in another network namespace, where it has found the journal of ours.
    const std::string aside = Journal::set_aside_for_this_namespace(interface);
    if (aside.empty()) return lock ? undo_journal(interface, what) : refuse_because_up(interface);
    const ExitCode undone = undo_set_aside(aside, what);
    // A later run in another network namespace may have left one under the plain name.
    const auto other = Journal::content_of(journal_path(interface));
    const bool is_elsewhere =
        other && other->owner.network_namespace != JournalOwner::self().network_namespace;
    const bool is_more_left = lock && Journal::exists(interface) && !is_elsewhere;
    const ExitCode rest = is_more_left ? undo_journal(interface, what) : ExitCode::kFine;
    return undone == ExitCode::kFine ? rest : undone;
  });
}

ExitCode clean_up_all(Cleanup what) {
  std::set<std::string> interfaces;
  ExitCode result = reporting([&interfaces] {
    interfaces = known_interfaces();
    return ExitCode::kFine;
  });
  std::optional<std::string> running;
  const ExitCode became = reporting([&running] {
    // Root sees processes that the service's user does not.
    if (is_roots_work_the_services()) running = tunneld_that_runs_here();
    become_owner_of_run_directory();
    return ExitCode::kFine;
  });
  if (became != ExitCode::kFine) return became;
  for (const std::string& interface : interfaces) {
    const ExitCode one = reporting([&] {
      const auto lock = InterfaceLock::take(interface);
      return lock ? undo_journal(interface, what) : ExitCode::kFine;
    });
    if (one != ExitCode::kFine) result = one;
  }
  const ExitCode tagged = reporting([&] {
    if (const std::string pid = running ? *running : tunneld_that_runs_here(); !pid.empty()) {
      std::cout << "routes and rules in no journal: left alone, because a tunneld is running (process " << pid
                << ")\n";
      return ExitCode::kFine;
    }
    const std::size_t removed = remove_by_their_marks();
    if (removed > 0) std::cout << "routes and rules in no journal: " << removed << " removed\n";
    if (what != Cleanup::kEverything) return ExitCode::kFine;
    const std::size_t tables = remove_lost_tables();
    if (tables > 0) std::cout << "nft tables in no journal: " << tables << " removed\n";
    if (remove_dns_lines() > 0) std::cout << "lines of /etc/resolv.conf in no journal: removed\n";
    return ExitCode::kFine;
  });
  return tagged != ExitCode::kFine ? tagged : result;
}

enum class End : std::uint8_t { kEnded, kReplaced, kTooLate };

/// Waits for the end of the daemon; kReplaced: the next one has its interface already.
End end_of_daemon(const std::string& interface) {
  const auto end = std::chrono::steady_clock::now() + kDaemonPatience;
  const std::string daemon = InterfaceLock::holder(interface);
  while (std::chrono::steady_clock::now() < end) {
    if (InterfaceLock::wait_until_free(interface, std::chrono::milliseconds(100))) return End::kEnded;
    if (InterfaceLock::holder(interface) != daemon) return End::kReplaced;
  }
  return End::kTooLate;
}

}  // namespace

ExitCode clean_up(const std::string& interface, Cleanup what) {
  return interface.empty() ? clean_up_all(what) : clean_up_one(interface, what);
}

ExitCode clean_up_on_stop(const std::string& interface) {
  const StopReason reason = stop_reason(kStopReasonPatience);
  if (reason == StopReason::kUnknown) {
    std::cerr << "tunneld: a kill switch stays closed, because this may be a restart: to open it, use "
                 "`tunneld cleanup`\n";
  }
  if (reason != StopReason::kAsked) return ExitCode::kFine;
  if (interface.empty()) return clean_up(interface);
  return reporting([&interface] {
    become_owner_of_run_directory();
    const End end = end_of_daemon(interface);
    if (end == End::kTooLate) return refuse_because_up(interface);
    // The next daemon may be starting already, so we do not take the lock if there is nothing to undo.
    const bool is_left = Journal::exists(interface) || std::filesystem::exists(control_path(interface));
    if (end == End::kReplaced || !is_left) {
      std::cout << interface << ": nothing to undo\n";
      return ExitCode::kFine;
    }
    return clean_up(interface);
  });
}

void clean_up_after_refusal(const std::string& config) {
  const auto interface = is_service() ? config::parse_file(config).interface_name : std::nullopt;
  if (interface && Journal::exists(*interface)) (void)clean_up(*interface, Cleanup::kAllButKillSwitch);
}

}  // namespace tunneld::daemon
