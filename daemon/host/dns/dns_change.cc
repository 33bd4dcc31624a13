#include "daemon/host/dns/dns_change.h"

#include <cerrno>
#include <chrono>
#include <exception>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "common/log.h"
#include "common/net/interface_name.h"
#include "daemon/host/dns/names_helper.h"
#include "daemon/host/dns/own_namespace.h"
#include "daemon/host/dns/resolv_conf_file.h"
#include "daemon/host/dns/resolv_conf_text.h"
#include "daemon/host/dns/resolvconf.h"
#include "daemon/host/dns/resolved.h"

namespace tunneld::daemon {
namespace {

constexpr const char* kResolvConf = "/etc/resolv.conf";
constexpr const char* kResolvconfRecords = "/run/resolvconf";

/// Programs in other network namespaces must not get our tunnel's name servers. Throws std::system_error.
void expect_ours(const std::string& path) {
  const Whose whose = whom_serves(path);
  if (whose == Whose::kOurs) return;
  const char* why =
      whose == Whose::kOthers
          ? " belongs to another network namespace: give this namespace its own (ip-netns(8), "
            "/etc/netns/NAME/resolv.conf)"
          : " may belong to another network namespace, and tunneld cannot find out: give this namespace its "
            "own (ip-netns(8), /etc/netns/NAME/resolv.conf), or, if it does not, set `dns: { own_resolver: "
            "true "
            "}`";
  throw std::system_error(EXDEV, std::generic_category(), path + why);
}

void apply_to_file(const DnsSet& set) {
  edit_resolv_conf(set.file, [&set](const std::optional<std::string>& present) {
    return with_dns_lines(present.value_or(""), set.interface.name, set.servers, set.search);
  });
}

/// False: our lines are not in `file`.
bool remove_lines(const DnsSet& set, const std::string& file) {
  bool is_ours = false;
  const auto edit = [&](const std::optional<std::string>& present) -> std::optional<std::string> {
    is_ours = present && has_dns_lines(*present, set.interface.name);
    if (!is_ours) return std::nullopt;
    // If this run was not started by the same `ip netns exec` as the last one, these lines belong to another
    // tunnel of the same name.
    if (!set.own_resolver) expect_ours(file);
    return without_dns_lines(*present, set.interface.name);
  };
  // kWrites: the host must not keep the name servers of a dead tunnel because another tunneld hangs with the
  // lock.
  edit_resolv_conf(file, edit, set.made_file && file == set.file ? Emptied::kGoes : Emptied::kStays,
                   LockedOut::kWrites);
  return is_ours;
}

Undone undo_in_file(const DnsSet& set) {
  bool was_there = false;
  std::exception_ptr first;
  // An error with one file must not leave our lines in the other one.
  const auto attempt = [&](const auto& remove) {
    try {
      was_there = remove() || was_there;
    } catch (const std::system_error&) {
      if (!first) first = std::current_exception();
    }
  };
  attempt([&] { return remove_lines(set, set.file); });
  // /etc/resolv.conf may lead to another file now, into which somebody may have copied our lines.
  attempt([&] { return real_resolv_conf(set.place) != set.file && remove_lines(set, set.place); });
  if (first) std::rethrow_exception(first);
  return was_there ? Undone::kDone : Undone::kNotOurs;
}

bool is_link(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_symlink(path, error);
}

Standing standing_in_file(const DnsSet& set) {
  // A program that changes the link takes over the management of name servers (systemd-resolved,
  // NetworkManager). One that replaces it by a file has only written the file, like a DHCP client.
  if (real_resolv_conf(set.place) != set.file)
    return is_link(set.place) ? Standing::kOthersKeep : Standing::kMissing;
  const auto text = read_resolv_conf(set.file);
  return text && dns_lines_stand(*text, set.interface.name, set.servers, set.search) ? Standing::kStands
                                                                                     : Standing::kMissing;
}

Standing standing_at_resolvconf(const DnsSet& set) {
  // resolvconf writes the file in place, so it is empty for a moment.
  if (read_resolv_conf(kResolvConf).value_or("").empty()) return Standing::kStands;
  if (find_resolvconf(kResolvConf) != set.program) return Standing::kOthersKeep;
  const Record record = record_state(set.place, set.servers);
  return record == Record::kThere || record == Record::kUnknown ? Standing::kStands : Standing::kMissing;
}

Standing standing_at_resolved(const DnsSet& set) {
  if (!leads_to_resolved(kResolvConf)) return Standing::kOthersKeep;
  const auto stands = resolved_link_stands(set.interface.index, set.servers, set.search, set.all_names);
  if (!stands) return Standing::kNoAnswer;
  return *stands ? Standing::kStands : Standing::kMissing;
}

}  // namespace

void prepare_dns(DnsSet& set) {
  set.place = set.file = set.program = std::string();
  set.made_file = false;
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
  set.file = real_resolv_conf(kResolvConf);
  set.made_file = !read_resolv_conf(kResolvConf);
}

Followed follow_dns(DnsSet& set) {
  if (set.keeper != DnsKeeper::kFile) return Followed::kSame;
  std::string file = real_resolv_conf(set.place);
  const bool is_another = file != set.file;
  bool is_left = false;
  if (is_another) {
    if (!set.own_resolver) expect_ours(set.place);
    try {
      if (needs_names_helper()) {
        (void)undo_by_helper(set, kDnsPatience);
      } else {
        remove_lines(set, set.file);
      }
    } catch (const std::system_error& error) {
      log::warn("cannot remove our name servers from {}, to which /etc/resolv.conf no longer leads: {}",
                set.file, error.what());
      is_left = true;
    }
  }
  const bool was_made = std::exchange(set.made_file, !read_resolv_conf(file));
  set.file = std::move(file);
  if (is_left) return Followed::kLeftBehind;
  return is_another || was_made != set.made_file ? Followed::kMoved : Followed::kSame;
}

bool is_at_same_place(const DnsSet& one, const DnsSet& other) {
  if (one.keeper != other.keeper || one.interface.name != other.interface.name) return false;
  // systemd-resolved identifies a link by its index; files and records have our interface's name.
  if (one.keeper == DnsKeeper::kResolved) return one.interface.index == other.interface.index;
  return one.place == other.place && one.file == other.file;
}

bool needs_a_program(const DnsSet& set) {
  return set.keeper == DnsKeeper::kResolvconf;
}

void tidy_dns() noexcept {
  tidy_resolv_conf(kResolvConf);
}

void apply_dns(const DnsSet& set, std::chrono::milliseconds patience) {
  if (set.keeper != DnsKeeper::kNobody && needs_names_helper()) return apply_by_helper(set, patience);
  switch (set.keeper) {
    case DnsKeeper::kNobody:
      return;
    case DnsKeeper::kResolved:
      return set_resolved_link(set.interface.index, set.servers, set.search, set.all_names);
    case DnsKeeper::kResolvconf:
      return add_to_resolvconf(set.program, set.place, set.servers, set.search, set.all_names, kResolvConf,
                               patience);
    case DnsKeeper::kFile:
      return apply_to_file(set);
  }
}

Undone undo_dns(const DnsSet& set, std::chrono::milliseconds patience) {
  if (set.keeper != DnsKeeper::kNobody && needs_names_helper()) return undo_by_helper(set, patience);
  switch (set.keeper) {
    case DnsKeeper::kNobody:
      return Undone::kDone;
    case DnsKeeper::kResolved:
      if (net::interface_index(set.interface.name) != set.interface.index) return Undone::kDeviceGone;
      revert_resolved_link(set.interface.index);
      return Undone::kDone;
    case DnsKeeper::kResolvconf:
      remove_from_resolvconf(set.program, set.place, set.servers, kResolvConf, patience);
      return Undone::kDone;
    case DnsKeeper::kFile:
      return undo_in_file(set);
  }
  return Undone::kDone;
}

Standing dns_standing(const DnsSet& set) {
  try {
    switch (set.keeper) {
      case DnsKeeper::kNobody:
        return Standing::kStands;
      case DnsKeeper::kResolved:
        return standing_at_resolved(set);
      case DnsKeeper::kResolvconf:
        return standing_at_resolvconf(set);
      case DnsKeeper::kFile:
        return standing_in_file(set);
    }
    return Standing::kStands;
  } catch (const std::system_error& error) {
    log::debug("{}: {}", set.in_words(), error.what());
    return Standing::kNoAnswer;
  }
}

std::string dns_taker(const DnsSet& set, Standing standing) {
  // resolvconf and systemd-resolved write the file for others, so its author says nothing about who asked.
  if (set.keeper != DnsKeeper::kFile && standing != Standing::kOthersKeep) return {};
  try {
    return author_of(read_resolv_conf(kResolvConf).value_or(""));
  } catch (const std::system_error&) {
    return {};
  }
}

std::vector<std::string> dns_places(const DnsSet& set) {
  std::vector<std::string> places{kResolvConf};
  if (set.keeper == DnsKeeper::kResolvconf) {
    for (std::string& place : resolvconf_places(set.place)) places.push_back(std::move(place));
  }
  // systemd-resolved writes these files when a link's settings change, and at its start. Its records of the
  // links are in a directory that only its own user may read.
  if (set.keeper == DnsKeeper::kResolved) {
    places.emplace_back("/run/systemd/resolve/stub-resolv.conf");
    places.emplace_back("/run/systemd/resolve/resolv.conf");
  }
  return places;
}

}  // namespace tunneld::daemon
