// resolvconf(8), the program that manages /etc/resolv.conf on some hosts: openresolv's or Debian's.
//
// It is started directly, never by a shell, with the settings on its standard input.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/net/ip_address.h"

namespace tunneld::daemon {

/// Its path, if it is installed and has written `resolv_conf`. systemd's resolvconf does not count, because it
/// only passes everything on to resolved.
[[nodiscard]] std::optional<std::string> find_resolvconf(const std::string& resolv_conf);

/// Whether `program` is a path at which resolvconf can be installed.
[[nodiscard]] bool is_resolvconf(const std::string& program);

/// The name of the record for `interface`, chosen so that it comes before those of other interfaces.
[[nodiscard]] std::string resolvconf_record(const std::string& interface);

enum class Record : std::uint8_t {
  kThere,
  kOther,    ///< it has other servers
  kGone,     ///< somebody has removed it (`resolvconf -d`)
  kUnknown,  ///< the records are kept elsewhere
};
/// Throws std::system_error.
[[nodiscard]] Record record_state(const std::string& record, const std::vector<net::IpAddress>& servers);

/// The paths at which the record can be; not all of the directories exist.
[[nodiscard]] std::vector<std::string> resolvconf_places(const std::string& record);

/// `all_names`: the servers of other records are not used. The program has succeeded if `resolv_conf`, which it
/// writes, has our servers; any other failure is a warning. Throws std::system_error; timed_out: the program was
/// killed after `patience`.
void add_to_resolvconf(const std::string& program, const std::string& record,
                       const std::vector<net::IpAddress>& servers, const std::vector<std::string>& search,
                       bool all_names, const std::string& resolv_conf, std::chrono::milliseconds patience);

/// May also be called if there is no such record, or if the program has been uninstalled. It has succeeded if
/// the record is gone. Throws as add_to_resolvconf() does.
void remove_from_resolvconf(const std::string& program, const std::string& record,
                            const std::vector<net::IpAddress>& servers, const std::string& resolv_conf,
                            std::chrono::milliseconds patience);

}  // namespace tunneld::daemon
