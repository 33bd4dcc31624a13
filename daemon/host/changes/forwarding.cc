#include "daemon/host/changes/forwarding.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "daemon/host/changes/sysctl.h"

namespace tunneld::daemon {
namespace {

std::string conf_directory(net::Family family) {
  return family == net::Family::kIpv4 ? "net/ipv4/conf/" : "net/ipv6/conf/";
}

std::string switch_of(net::Family family) {
  return family == net::Family::kIpv4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
}

constexpr const char* kAcceptRa = "/accept_ra";

/// Whether the interface accepts router advertisements now, but would ignore them once the host is a router.
/// Only such interfaces get `accept_ra` 2. `all` and `default` do not: interfaces created later would inherit
/// it, and what is behind them (a container) could take over the host's IPv6 routes. `interface` is its
/// directory.
bool takes_advertisements(const std::string& interface) {
  return read_sysctl(interface + kAcceptRa) == "1" && read_sysctl(interface + "/forwarding") == "0";
}

}  // namespace

std::string ForwardingOn::in_words() const {
  return family == net::Family::kIpv4 ? "forwarding of IPv4 on" : "forwarding of IPv6 on";
}

Json ForwardingOn::to_json() const {
  return {{"family", family == net::Family::kIpv4 ? 4 : 6}, {"before", before}};
}

std::optional<ForwardingOn> ForwardingOn::from_json(const Json& json) {
  return ForwardingOn{.family = json.at("family").get<int>() == 4 ? net::Family::kIpv4 : net::Family::kIpv6,
                      .before = json.at("before").get<std::map<std::string, std::string>>()};
}

Preparation ForwardingOn::prepare(net::Netlink&) {
  before.clear();
  const auto note = [this](const std::string& name) {
    if (auto value = read_sysctl(name)) before.emplace(name, std::move(*value));
  };
  const std::string master = switch_of(family);
  note(master);
  // The setting is missing if the host does not have the family.
  if (before.empty()) throw std::system_error(ENOENT, std::generic_category(), "sysctl " + master);
  const std::string directory = conf_directory(family);
  if (family == net::Family::kIpv4) note(directory + "all/accept_redirects");
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/sys/" + directory, ignored)) {
    const std::string interface = directory + entry.path().filename().string();
    note(interface + "/forwarding");
    const std::string name = entry.path().filename();
    const bool is_foreign = name != own_interface && name != "all" && name != "default" && name != "lo";
    if (family == net::Family::kIpv6 && is_foreign && takes_advertisements(interface))
      note(interface + kAcceptRa);
  }
  return before.at(master) == "1" ? Preparation::kAlreadyThere : Preparation::kReady;
}

void ForwardingOn::apply(net::Netlink&) const {
  for (const auto& [name, value] : before) {
    // If the interface is gone by now, there is nothing to set.
    if (name.ends_with(kAcceptRa) && read_sysctl(name) == value) write_sysctl(name, "2");
  }
  write_sysctl(switch_of(family), "1");
}

// This must also work if apply() was interrupted.
Undone ForwardingOn::undo(net::Netlink&) const {
  const std::string master = switch_of(family);
  const auto restore = [](const std::string& name, const std::string& value) {
    const auto present = read_sysctl(name);
    if (present && *present != value) write_sysctl(name, value);
  };
  // This one comes first, because writing it changes the others.
  if (const auto value = before.find(master); value != before.end()) restore(master, value->second);
  for (const auto& [name, value] : before) {
    // If somebody else has set it meanwhile, it is theirs.
    const bool is_theirs = name.ends_with(kAcceptRa) && read_sysctl(name) != "2";
    if (name != master && !is_theirs) restore(name, value);
  }
  return Undone::kDone;
}

Standing ForwardingOn::standing(HostState&) const {
  return Standing::kStands;  // a setting that others change is theirs from then on
}

}  // namespace tunneld::daemon
