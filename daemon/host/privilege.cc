#include "daemon/host/privilege.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/system_error.h"
#include "config/service_user.h"
#include "daemon/host/dns/own_namespace.h"
#include "daemon/host/run_directory.h"

namespace tunneld::daemon {

namespace {

/// Bit N is capability N. All that matter here are below 32.
using Capabilities = std::uint32_t;
constexpr Capabilities kNetAdmin = 1U << CAP_NET_ADMIN;
constexpr Capabilities kLowPorts = 1U << CAP_NET_BIND_SERVICE;
constexpr Capabilities kOthersFiles = 1U << CAP_DAC_OVERRIDE | 1U << CAP_CHOWN | 1U << CAP_FOWNER;
/// The same as the unit's LimitMEMLOCK, in bytes. Root is not limited.
constexpr rlim_t kLockedMemory = 128U << 20U;

/// Returns none if they cannot be read.
Capabilities permitted_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  return syscall(SYS_capget, &header, sets) == 0 ? sets[0].permitted & sets[0].effective : 0;
}

void keep_only(Capabilities kept) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  // The call is avoided if there is nothing to give up, because a service's system call filter may forbid it.
  if (syscall(SYS_capget, &header, sets) == 0 && sets[0].permitted == kept && sets[0].effective == kept &&
      sets[1].permitted == 0)
    return;
  // If a drop-in makes the shipped unit run as root, the unit's system call filter forbids capset(). This is
  // no error, because the process has no more capabilities than the unit gives.
  const bool is_units = sets[1].permitted == 0 && (sets[0].permitted & ~(kept | kLowPorts)) == 0;
  sets[1] = {};
  sets[0] = {.effective = kept, .permitted = kept, .inheritable = 0};
  if (syscall(SYS_capset, &header, sets) != 0 && !(errno == EPERM && is_units))
    fail(errno, "giving up capabilities");
}

/// Passes the capabilities on to programs that we start (the child process for nftables). Root's child
/// processes inherit them, but those of another user need them as ambient capabilities, as under the unit.
void hand_on(Capabilities kept) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  sets[0] = {.effective = kept, .permitted = kept, .inheritable = kept};
  if (syscall(SYS_capset, &header, sets) != 0) fail(errno, "passing capabilities on to child processes");
  for (unsigned one = 0; one < 32; ++one) {
    if (((kept >> one) & 1U) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, one, 0, 0) != 0)
      fail(errno, "passing capabilities on to child processes");
  }
}

/// Limits the bounding set: otherwise a program that we start as root would get all capabilities back.
void bound_to(Capabilities kept) {
  for (int one = 0;; ++one) {
    const int is_in = prctl(PR_CAPBSET_READ, one, 0, 0, 0);
    if (is_in < 0) return;
    const bool stays = one < 32 && ((kept >> one) & 1U) != 0;
    // In a container, CAP_SETPCAP may be missing, like most of the others.
    if (is_in == 1 && !stays && prctl(PR_CAPBSET_DROP, one, 0, 0, 0) != 0 && errno != EPERM)
      fail(errno, "giving up capabilities");
  }
}

/// The service's user, if it owns the run directory and we are root.
std::optional<config::ServiceUser> service_in_its_run_directory() {
  struct stat directory {};
  // The user database is asked only if necessary, because that may take long.
  if (::geteuid() != 0 || ::stat(run_directory().c_str(), &directory) != 0 || directory.st_uid == 0)
    return std::nullopt;
  const auto service = config::service_user();
  return service && directory.st_uid == service->user ? service : std::nullopt;
}

void become(const config::ServiceUser& service) {
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || ::setgroups(0, nullptr) != 0 ||
      ::setresgid(service.group, service.group, service.group) != 0 ||
      ::setresuid(service.user, service.user, service.user) != 0)
    fail(errno, "becoming user " + std::to_string(service.user));
}

/// Root could lock any amount of memory; another user is limited.
void raise_limit_of_locked_memory() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur >= kLockedMemory) return;
  limit.rlim_cur = kLockedMemory;
  limit.rlim_max = std::max(limit.rlim_max, kLockedMemory);
  ::setrlimit(RLIMIT_MEMLOCK, &limit);
}

void go_on_with(Capabilities kept, const std::optional<config::ServiceUser>& service) {
  kept &= permitted_capabilities();
  bound_to(kept);
  if (service) become(*service);
  keep_only(kept);
  if (service) hand_on(kept);
  // Changing the user or the capabilities has reset it to fs.suid_dumpable, which may allow other processes
  // of that user to trace this one.
  prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace

bool may_change_network() {
  return (permitted_capabilities() & kNetAdmin) != 0;
}

void give_up_low_ports() {
  if (::geteuid() == 0 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_BIND_SERVICE, 0, 0) != 1)
    return;
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_NET_BIND_SERVICE, 0, 0) != 0)
    fail(errno, "giving up capabilities");
  // After execve(), a process that is not root has only its ambient capabilities.
  std::ifstream file("/proc/self/cmdline");
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  // The program is executed by its real path, because the kernel names the process after it.
  std::error_code unknown;
  ::execv(std::filesystem::read_symlink("/proc/self/exe", unknown).c_str(), arguments.data());
  fail(errno, "starting again without CAP_NET_BIND_SERVICE");
}

void give_up_power(bool has_low_port) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail(errno, "setting no_new_privs");
  if (::geteuid() != 0) return;
  remember_first_process();
  raise_limit_of_locked_memory();
  go_on_with(has_low_port ? kNetAdmin | kLowPorts : kNetAdmin, service_in_its_run_directory());
}

bool has_power_for_names() {
  return (permitted_capabilities() & kOthersFiles) != 0;
}

void keep_power_for_names() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail(errno, "setting no_new_privs");
  go_on_with(kOthersFiles, std::nullopt);
}

bool is_roots_work_the_services() {
  return service_in_its_run_directory().has_value();
}

void become_owner_of_run_directory() {
  if (const auto service = service_in_its_run_directory()) go_on_with(kNetAdmin, service);
}

std::string missing_for_root(const std::vector<HostChange>& wanted) {
  std::string commands;
  try {
    net::Netlink netlink;
    for (const HostChange& change : wanted) {
      const std::string command = command_of(change);
      if (!command.empty() && !is_as_wished(change, netlink)) commands += "\n    " + command;
    }
  } catch (const std::exception&) {
    // The commands found so far are better than none.
  }
  if (commands.empty()) return ": run as root, or with CAP_NET_ADMIN";
  return "; root has to run this first:" + commands;
}

}  // namespace tunneld::daemon
