// resolvconf(8), the program that keeps /etc/resolv.conf on some hosts: openresolv's or Debian's.
//
// Started directly, never by a shell, with the settings on its standard input.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/net/ip_address.h"

namespace tunneld::daemon {

/// Its path, if it is there and `resolv_conf` is its work. systemd's, which only passes things on to
/// resolved, does not count.
[[nodiscard]] std::optional<std::string> find_resolvconf(const std::string& resolv_conf);

/// Whether `program` is one of the places where it can be.
[[nodiscard]] bool is_resolvconf(const std::string& program);

/// What it should call the settings of `interface`, so that they come before those of other interfaces.
[[nodiscard]] std::string resolvconf_record(const std::string& interface);

enum class Record : std::uint8_t {
  kThere,
  kOther,    ///< it names other servers
  kGone,     ///< somebody has removed it (`resolvconf -d`)
  kUnknown,  ///< the records are kept elsewhere
};
/// Throws std::system_error.
[[nodiscard]] Record record_state(const std::string& record, const std::vector<net::IpAddress>& servers);

/// Where to look for its records; not all of these directories exist.
[[nodiscard]] std::vector<std::string> resolvconf_places(const std::string& record);

/// `all_names`: others' servers are not asked. What counts is that `resolv_conf`, which the program writes,
/// names the servers: what else goes wrong is a warning. Throws std::system_error; timed_out: it was killed
/// after `patience`.
void add_to_resolvconf(const std::string& program, const std::string& record,
                       const std::vector<net::IpAddress>& servers, const std::vector<std::string>& search,
                       bool all_names, const std::string& resolv_conf, std::chrono::milliseconds patience);

/// Also where there is no such record, and where the program has been uninstalled. What counts is that the
/// record is gone. Throws as add_to_resolvconf() does.
void remove_from_resolvconf(const std::string& program, const std::string& record,
                            const std::vector<net::IpAddress>& servers, const std::string& resolv_conf,
                            std::chrono::milliseconds patience);

}  // namespace tunneld::daemon
