#include "daemon/dns_change.h"

#include <cerrno>
#include <system_error>

#include <spdlog/spdlog.h>

#include "common/net/interface_name.h"
#include "daemon/own_namespace.h"
#include "daemon/resolv_conf_file.h"
#include "daemon/resolv_conf_text.h"
#include "daemon/resolvconf.h"
#include "daemon/resolved.h"

namespace tunneld::daemon {
namespace {

constexpr const char* kResolvConf = "/etc/resolv.conf";
constexpr const char* kResolvconfRecords = "/run/resolvconf";

/// Somebody else's name servers must not be asked to follow our tunnel. Throws std::system_error.
void expect_ours(const std::string& path) {
  const Whose whose = whom_serves(path);
  if (whose == Whose::kOurs) return;
  const char* why =
      whose == Whose::kOthers
          ? " belongs to another network namespace; give this one its own (ip-netns(8), "
            "/etc/netns/NAME/resolv.conf)"
          : " may belong to another network namespace, which cannot be told here; give this one its own "
            "(ip-netns(8), /etc/netns/NAME/resolv.conf), or say that it is (`dns: { own_resolver: true }`)";
  throw std::system_error(EXDEV, std::generic_category(), path + why);
}

void apply_to_file(const DnsSet& set) {
  const std::string before = read_resolv_conf(set.place).value_or("");
  write_resolv_conf(set.place, with_dns_lines(before, set.interface.name, set.servers, set.search));
}

Undone undo_in_file(const DnsSet& set) {
  remove_half_written(set.place);
  const auto present = read_resolv_conf(set.place);
  if (!present || !has_dns_lines(*present, set.interface.name)) return Undone::kNotOurs;
  // Not where `ip netns exec` has not put us this time: these are of another tunnel with the same name.
  if (!set.own_resolver) expect_ours(set.place);
  const std::string text = without_dns_lines(*present, set.interface.name);
  if (text.empty() && set.made_file) {
    remove_resolv_conf(set.place);
  } else {
    write_resolv_conf(set.place, text);
  }
  return Undone::kDone;
}

}  // namespace

void prepare_dns(DnsSet& set) {
  if (leads_to_resolved(kResolvConf)) {
    expect_resolved(set.interface.index, set.own_resolver);
    set.keeper = DnsKeeper::kResolved;
    return;
  }
  if (const auto program = find_resolvconf(kResolvConf)) {
    if (!set.own_resolver) expect_ours(kResolvconfRecords);
    set.keeper = DnsKeeper::kResolvconf;
    set.program = *program;
    set.place = resolvconf_record(set.interface.name);
    return;
  }
  if (!set.own_resolver) expect_ours(kResolvConf);
  set.keeper = DnsKeeper::kFile;
  set.place = kResolvConf;
  set.made_file = !read_resolv_conf(kResolvConf);
}

void apply_dns(const DnsSet& set) {
  switch (set.keeper) {
    case DnsKeeper::kNobody:
      return;
    case DnsKeeper::kResolved:
      return set_resolved_link(set.interface.index, set.servers, set.search, set.all_names);
    case DnsKeeper::kResolvconf:
      return add_to_resolvconf(set.program, set.place, set.servers, set.search, set.all_names,
                               kResolvConf);
    case DnsKeeper::kFile:
      return apply_to_file(set);
  }
}

Undone undo_dns(const DnsSet& set) {
  switch (set.keeper) {
    case DnsKeeper::kNobody:
      return Undone::kDone;
    case DnsKeeper::kResolved:
      if (net::interface_index(set.interface.name) != set.interface.index) return Undone::kDeviceGone;
      revert_resolved_link(set.interface.index);
      return Undone::kDone;
    case DnsKeeper::kResolvconf:
      remove_from_resolvconf(set.program, set.place, set.servers, kResolvConf);
      return Undone::kDone;
    case DnsKeeper::kFile:
      return undo_in_file(set);
  }
  return Undone::kDone;
}

}  // namespace tunneld::daemon
