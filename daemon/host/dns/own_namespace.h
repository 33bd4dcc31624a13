// Whether something that all network namespaces can see (/etc/resolv.conf, resolvconf's records,
// systemd-resolved) serves the one that we run in.
//
// /proc/1/ns/net tells, but not to everybody: under the shipped unit we may not look at process 1, and may
// not even see that there is one. So there are other proofs, and without any the answer is kUnknown, which
// callers treat as kOthers:
//   - ip-netns(8) mounts /etc/netns/NAME/resolv.conf, and /run/netns/NAME is, or is not, our namespace;
//   - the initial namespace has a number of its own (NET_NS_INIT_INO, Linux 6.18), which the kernel never
//     gives to another: those start at 0xF0000000 (PROC_DYNAMIC_FIRST);
//   - process 1 is systemd, and one of its sockets was bound in our namespace. unix_diag lists those of our
//     namespace only, with the inode that each is bound to.
#pragma once

#include <cstdint>
#include <string>

namespace tunneld::daemon {

enum class Whose : std::uint8_t { kOurs, kOthers, kUnknown };

/// Looks at process 1 while that is permitted, for later.
void remember_first_process() noexcept;

/// Whom `path` serves: a file or directory, or the file that links lead to. Never throws.
[[nodiscard]] Whose whom_serves(const std::string& path) noexcept;

/// Whether this network namespace is that of process 1. Never throws.
[[nodiscard]] Whose host_namespace() noexcept;

/// Whether the socket at `path` was bound by a process of our network namespace. False also where the kernel
/// cannot tell. Never throws.
[[nodiscard]] bool is_bound_in_our_namespace(const std::string& path) noexcept;

}  // namespace tunneld::daemon
