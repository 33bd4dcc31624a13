#include "daemon/host/dns/resolvconf.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <unistd.h>

#include "common/log.h"
#include "common/system_error.h"
#include "daemon/host/dns/child_program.h"
#include "daemon/host/dns/resolv_conf_file.h"
#include "daemon/host/dns/resolv_conf_text.h"

namespace tunneld::daemon {
namespace {

constexpr std::array kPlaces{"/usr/sbin/resolvconf", "/usr/bin/resolvconf", "/sbin/resolvconf",
                             "/usr/local/sbin/resolvconf"};
/// Those of Debian's resolvconf, of openresolv up to 3.13, and of later versions.
constexpr std::array kRecordDirectories{"/run/resolvconf/interface/", "/run/resolvconf/interfaces/",
                                        "/run/resolvconf/keys/"};

[[noreturn]] void failed(const std::vector<std::string>& words, const ProgramEnd& end) {
  throw std::system_error(end.in_time ? EIO : ETIMEDOUT, std::generic_category(),
                          words[0] + " " + words[1] + ": " + in_words(end));
}

bool is_loopback(const std::string& server) {
  return server.starts_with("127.") || server == "::1";
}

/// Whether programs use one of `servers` now.
bool are_asked(const std::vector<net::IpAddress>& servers, const std::string& resolv_conf) {
  const std::vector<std::string> asked = name_servers_in(read_resolv_conf(resolv_conf).value_or(""));
  return std::ranges::any_of(servers, [&asked](const net::IpAddress& server) {
    return std::ranges::find(asked, server.to_string()) != asked.end();
  });
}

/// A comment in the file says so, or the file is in resolvconf's directory.
bool is_its_work(const std::string& resolv_conf) {
  std::error_code error;
  const std::string real = std::filesystem::weakly_canonical(resolv_conf, error);
  if (real.starts_with("/run/resolvconf/") || real.starts_with("/etc/resolvconf/")) return true;
  const std::string text = read_resolv_conf(resolv_conf).value_or("");
  return text.find("enerated by resolvconf") != std::string::npos;
}

}  // namespace

std::optional<std::string> find_resolvconf(const std::string& resolv_conf) {
  for (const std::string place : kPlaces) {
    if (::access(place.c_str(), X_OK) != 0) continue;
    std::error_code error;
    if (std::filesystem::canonical(place, error).filename() == "resolvectl") continue;
    return is_its_work(resolv_conf) ? std::optional(place) : std::nullopt;
  }
  return std::nullopt;
}

bool is_resolvconf(const std::string& program) {
  return std::ranges::find(kPlaces, program) != kPlaces.end();
}

std::string resolvconf_record(const std::string& interface) {
  // Debian's resolvconf orders servers by a list of name patterns (tun*, tap*, …), not by a metric.
  std::ifstream order("/etc/resolvconf/interface-order");
  std::string line;
  while (std::getline(order, line)) {
    if (!line.ends_with('*') || line.size() < 2) continue;
    line.pop_back();
    const bool is_word =
        line.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") ==
        std::string::npos;
    if (is_word) return line + "." + interface;
  }
  return interface;
}

std::vector<std::string> resolvconf_places(const std::string& record) {
  std::vector<std::string> places;
  for (const std::string directory : kRecordDirectories) places.push_back(directory + record);
  return places;
}

Record record_state(const std::string& record, const std::vector<net::IpAddress>& servers) {
  bool is_known = false;
  for (const std::string& place : resolvconf_places(record)) {
    std::error_code error;
    is_known = is_known || std::filesystem::is_directory(std::filesystem::path(place).parent_path(), error);
    const auto text = read_resolv_conf(place);
    if (!text) continue;
    std::vector<std::string> wanted;
    for (const net::IpAddress& server : servers) wanted.push_back(server.to_string());
    return name_servers_in(*text) == wanted ? Record::kThere : Record::kOther;
  }
  return is_known ? Record::kGone : Record::kUnknown;
}

void add_to_resolvconf(const std::string& program, const std::string& record,
                       const std::vector<net::IpAddress>& servers, const std::vector<std::string>& search,
                       bool all_names, const std::string& resolv_conf, std::chrono::milliseconds patience) {
  std::vector<std::string> words = {program, "-a", record, "-m", "0"};
  if (all_names) words.emplace_back("-x");
  const ProgramEnd end = run_program(words, resolver_lines(servers, search), patience);
  const bool is_asked = servers.empty() || are_asked(servers, resolv_conf);
  if (!end.is_success()) {
    // The failed hook (/etc/resolvconf/update.d) need not be the one that writes the file.
    if (!is_asked || record_state(record, servers) != Record::kThere) failed(words, end);
    log::warn("{} -a has set our name servers, but reports an error: {}", program, in_words(end));
    return;
  }
  const auto asked = name_servers_in(read_resolv_conf(resolv_conf).value_or(""));
  // A local name server forwards to ours: resolvconf tells it about them.
  if (is_asked || std::ranges::any_of(asked, is_loopback)) return;
  log::warn(
      "{} has our name servers, but has not written them to {}: another record takes precedence, or updates "
      "are disabled (see resolvconf(8))",
      program, resolv_conf);
}

namespace {

/// For a program that is gone and cannot do it itself.
void remove_record(const std::string& record) {
  for (const std::string& place : resolvconf_places(record)) {
    if (::unlink(place.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) fail(errno, place);
  }
}

}  // namespace

void remove_from_resolvconf(const std::string& program, const std::string& record,
                            const std::vector<net::IpAddress>& servers, const std::string& resolv_conf,
                            std::chrono::milliseconds patience) {
  const std::vector<std::string> words = {program, "-d", record, "-f"};
  ProgramEnd end;
  try {
    end = run_program(words, "", patience);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::no_such_file_or_directory) throw;
    remove_record(record);
    log::warn("{} is no longer installed: removed its record of our name servers{}", program,
              are_asked(servers, resolv_conf) ? "; they are still in " + resolv_conf : "");
    return;
  }
  if (end.is_success()) return;
  if (record_state(record, servers) != Record::kGone) failed(words, end);
  log::warn(
      "{} -d has removed our name servers, but reports an error: {}{}", program, in_words(end),
      are_asked(servers, resolv_conf) ? "; they are still in " + resolv_conf + ": run `resolvconf -u`" : "");
}

}  // namespace tunneld::daemon
