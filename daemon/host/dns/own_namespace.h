// Finds out whether a resource that all network namespaces share (/etc/resolv.conf, resolvconf's records,
// systemd-resolved) belongs to our own namespace.
//
// /proc/1/ns/net would tell, but under the shipped unit we may not read it, and process 1 may even be hidden.
// So there are other proofs. Without any, the answer is kUnknown, which callers treat like kOthers:
//   - ip-netns(8) has mounted /etc/netns/NAME/resolv.conf: /run/netns/NAME is our namespace, or it is not;
//   - the initial namespace has a fixed inode number (NET_NS_INIT_INO, Linux 6.18), which no other gets: those
//     start at 0xF0000000 (PROC_DYNAMIC_FIRST);
//   - process 1 is systemd, and one of its sockets was bound in our namespace: unix_diag lists only the sockets
//     of our namespace, each with the inode that it is bound to.
#pragma once

#include <cstdint>
#include <string>

namespace tunneld::daemon {

enum class Whose : std::uint8_t { kOurs, kOthers, kUnknown };

/// Remembers process 1's namespace while we may still read it.
void remember_first_process() noexcept;

/// Whose namespace `path` belongs to: a file or directory, or the file that its links lead to. Never throws.
[[nodiscard]] Whose whom_serves(const std::string& path) noexcept;

/// Whether this network namespace is that of process 1. Never throws.
[[nodiscard]] Whose host_namespace() noexcept;

/// Whether the socket at `path` was bound by a process of our network namespace. False also if the kernel cannot
/// tell. Never throws.
[[nodiscard]] bool is_bound_in_our_namespace(const std::string& path) noexcept;

}  // namespace tunneld::daemon
