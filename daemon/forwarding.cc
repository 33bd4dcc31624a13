#include "daemon/forwarding.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "daemon/sysctl.h"

namespace tunneld::daemon {
namespace {

std::string conf_directory(net::Family family) {
  return family == net::Family::kIpv4 ? "net/ipv4/conf/" : "net/ipv6/conf/";
}

}  // namespace

std::string forwarding_switch(net::Family family) {
  return family == net::Family::kIpv4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
}

SysctlValues before_forwarding(net::Family family, const std::string& own_interface) {
  SysctlValues before;
  const auto note = [&before](const std::string& name) {
    if (auto value = read_sysctl(name)) before.emplace(name, std::move(*value));
  };
  const std::string master = forwarding_switch(family);
  note(master);
  if (before.empty()) throw std::system_error(ENOENT, std::generic_category(), "sysctl " + master);
  const std::string directory = conf_directory(family);
  if (family == net::Family::kIpv4) note(directory + "all/accept_redirects");
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/sys/" + directory, ignored)) {
    const std::string interface = directory + entry.path().filename().string();
    note(interface + "/forwarding");
    if (family == net::Family::kIpv6 && entry.path().filename() != own_interface)
      note(interface + "/accept_ra");
  }
  return before;
}

void forwarding_on(net::Family family, const SysctlValues& before) {
  constexpr std::string_view kAcceptRa = "/accept_ra";
  for (const auto& [name, value] : before) {
    if (!name.ends_with(kAcceptRa) || value != "1") continue;
    const std::string interface = name.substr(0, name.size() - kAcceptRa.size());
    const auto forwarded = before.find(interface + "/forwarding");
    // One that is gone meanwhile needs nothing.
    if (forwarded != before.end() && forwarded->second == "0" && read_sysctl(name)) write_sysctl(name, "2");
  }
  write_sysctl(forwarding_switch(family), "1");
}

void forwarding_as_before(net::Family family, const SysctlValues& before) {
  const std::string master = forwarding_switch(family);
  const auto restore = [](const std::string& name, const std::string& value) {
    const auto present = read_sysctl(name);
    if (present && *present != value) write_sysctl(name, value);
  };
  // First the one that writes the others.
  if (const auto value = before.find(master); value != before.end()) restore(master, value->second);
  for (const auto& [name, value] : before) {
    if (name != master) restore(name, value);
  }
}

}  // namespace tunneld::daemon
