// Settings of the kernel below /proc/sys; those of "net" are of the caller's network namespace.
//
// A setting is restored only while it has the value that we set; otherwise somebody else has taken it over.
#pragma once

#include <optional>
#include <string>

#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

/// `name` is a path: "net/ipv4/ip_forward". Without the newline that the kernel adds. nullopt: there is no
/// such setting (its interface is gone). Throws std::system_error.
[[nodiscard]] std::optional<std::string> read_sysctl(const std::string& name);
/// Throws std::system_error.
void write_sysctl(const std::string& name, const std::string& value);

struct SysctlSet {
  /// As a path below /proc/sys, so that interface names may have dots: "net/ipv4/conf/eth0.5/forwarding".
  std::string name;
  std::string value;
  std::optional<std::string> before = std::nullopt;
  /// A host that lacks the setting needs none, and one that may not be changed (a container with a read-only
  /// /proc/sys) is a warning.
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
