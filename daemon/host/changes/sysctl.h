// Settings of the kernel below /proc/sys. Those below "net" belong to the caller's network namespace.
//
// A setting is restored only if it still has our value. If somebody else has changed it, it is theirs.
#pragma once

#include <optional>
#include <string>

#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

/// `name` is a path below /proc/sys: "net/ipv4/ip_forward". Returns the value without the kernel's newline,
/// or nullopt if there is no such setting (its interface is gone). Throws std::system_error.
[[nodiscard]] std::optional<std::string> read_sysctl(const std::string& name);
/// Throws std::system_error.
void write_sysctl(const std::string& name, const std::string& value);

struct SysctlSet {
  /// A path below /proc/sys, because interface names may contain dots: "net/ipv4/conf/eth0.5/forwarding".
  std::string name;
  std::string value;
  std::optional<std::string> before = std::nullopt;
  /// If the host does not have the setting, it is not needed. If it cannot be changed (a container with a
  /// read-only /proc/sys), there is only a warning.
  bool is_wish = false;
  bool operator==(const SysctlSet& other) const { return name == other.name && value == other.value; }

  static constexpr std::string_view kName = "sysctl";
  [[nodiscard]] std::string in_words() const;
  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static std::optional<SysctlSet> from_json(const Json& json);
  [[nodiscard]] Preparation prepare(net::Netlink& netlink);
  void apply(net::Netlink& netlink) const;
  [[nodiscard]] Undone undo(net::Netlink& netlink) const;
  [[nodiscard]] Standing standing(HostState& now) const;
  [[nodiscard]] bool can_do_without() const { return is_wish; }
  void take_before(const SysctlSet& other) { before = other.before; }
};

}  // namespace tunneld::daemon
