#include "daemon/host/dns/resolved.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <span>
#include <system_error>
#include <thread>
#include <utility>

#include <sys/socket.h>

#include "daemon/host/dns/own_namespace.h"
#include "daemon/host/dns/resolv_conf_file.h"
#include "daemon/host/dns/resolv_conf_text.h"
#include "daemon/host/system_bus.h"

namespace tunneld::daemon {
namespace {

using namespace std::chrono_literals;

constexpr const char* kService = "org.freedesktop.resolve1";
/// systemd-resolved's own socket, bound when it starts.
constexpr const char* kSocket = "/run/systemd/resolve/io.systemd.Resolve";
constexpr const char* kPath = "/org/freedesktop/resolve1";
constexpr const char* kManager = "org.freedesktop.resolve1.Manager";
constexpr const char* kLink = "org.freedesktop.resolve1.Link";
/// For the connection to the bus, and for each call.
constexpr auto kTimeout = 2s;
/// resolved learns of a new link by netlink, so it may not know it yet.
constexpr auto kAnswerPatience = 1s;

constexpr const char* kResolvedWords = "systemd-resolved: ";

[[noreturn]] void refused(int error, const std::string& words) {
  fail(error, kResolvedWords + words);
}

int expect(int result, const char* what) {
  return sd_checked(result, std::string(kResolvedWords) + what);
}

Bus open_bus() {
  sd_bus* bus = nullptr;
  expect(sd_bus_open_system(&bus), "the system bus");
  Bus owner(bus);
  sd_bus_set_method_call_timeout(bus, std::chrono::microseconds(kTimeout).count());
  wait_until_ready(bus, std::chrono::steady_clock::now() + kTimeout,
                   std::string(kResolvedWords) + "the system bus");
  return owner;
}

Message new_call(sd_bus* bus, const char* method) {
  sd_bus_message* message = nullptr;
  expect(sd_bus_message_new_method_call(bus, &message, kService, kPath, kManager, method), method);
  return Message(message);
}

void call(sd_bus* bus, const Message& message, const char* method) {
  sd_bus_error error = SD_BUS_ERROR_NULL;
  const int result = sd_bus_call(bus, message.get(), 0, &error, nullptr);
  const std::string words =
      std::string(method) + (error.message == nullptr ? "" : ": " + std::string(error.message));
  sd_bus_error_free(&error);
  if (result < 0) refused(-result, words);
}

void call_with_index(sd_bus* bus, const char* method, std::uint32_t interface_index) {
  const Message message = new_call(bus, method);
  expect(sd_bus_message_append(message.get(), "i", static_cast<std::int32_t>(interface_index)), method);
  call(bus, message, method);
}

void set_servers(sd_bus* bus, std::uint32_t interface_index, const std::vector<net::IpAddress>& servers) {
  constexpr const char* kMethod = "SetLinkDNS";
  const Message message = new_call(bus, kMethod);
  sd_bus_message* raw = message.get();
  expect(sd_bus_message_append(raw, "i", static_cast<std::int32_t>(interface_index)), kMethod);
  expect(sd_bus_message_open_container(raw, 'a', "(iay)"), kMethod);
  for (const net::IpAddress& server : servers) {
    expect(sd_bus_message_open_container(raw, 'r', "iay"), kMethod);
    expect(sd_bus_message_append(raw, "i", server.is_v4() ? AF_INET : AF_INET6), kMethod);
    expect(sd_bus_message_append_array(raw, 'y', server.bytes().data(), server.bytes().size()), kMethod);
    expect(sd_bus_message_close_container(raw), kMethod);
  }
  expect(sd_bus_message_close_container(raw), kMethod);
  call(bus, message, kMethod);
}

void set_domains(sd_bus* bus, std::uint32_t interface_index, const std::vector<std::string>& search,
                 bool all_names) {
  constexpr const char* kMethod = "SetLinkDomains";
  const Message message = new_call(bus, kMethod);
  sd_bus_message* raw = message.get();
  const auto append = [raw](const char* domain, bool route_only) {
    expect(sd_bus_message_append(raw, "(sb)", domain, static_cast<int>(route_only)), kMethod);
  };
  expect(sd_bus_message_append(raw, "i", static_cast<std::int32_t>(interface_index)), kMethod);
  expect(sd_bus_message_open_container(raw, 'a', "(sb)"), kMethod);
  for (const std::string& domain : search) append(domain.c_str(), false);
  if (all_names) append(".", true);
  expect(sd_bus_message_close_container(raw), kMethod);
  call(bus, message, kMethod);
}

void set_default_route(sd_bus* bus, std::uint32_t interface_index, bool on) {
  constexpr const char* kMethod = "SetLinkDefaultRoute";
  const Message message = new_call(bus, kMethod);
  expect(sd_bus_message_append(message.get(), "ib", static_cast<std::int32_t>(interface_index),
                               static_cast<int>(on)),
         kMethod);
  call(bus, message, kMethod);
}

/// Cached answers of the old servers must not be used any more.
void flush_caches(sd_bus* bus) {
  sd_bus_call_method(bus, kService, kPath, kManager, "FlushCaches", nullptr, nullptr, "");
}

bool runs(sd_bus* bus) {
  sd_bus_message* raw = nullptr;
  expect(sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                            "NameHasOwner", nullptr, &raw, "s", kService),
         "NameHasOwner");
  const Message answer(raw);
  int has_owner = 0;
  expect(sd_bus_message_read(raw, "b", &has_owner), "NameHasOwner");
  return has_owner != 0;
}

std::string path_of_link(sd_bus* bus, std::uint32_t interface_index) {
  sd_bus_message* raw = nullptr;
  expect(sd_bus_call_method(bus, kService, kPath, kManager, "GetLink", nullptr, &raw, "i",
                            static_cast<std::int32_t>(interface_index)),
         "GetLink");
  const Message answer(raw);
  const char* path = nullptr;
  expect(sd_bus_message_read(raw, "o", &path), "GetLink");
  return path;
}

Message property(sd_bus* bus, const std::string& link, const char* name, const char* type) {
  sd_bus_message* raw = nullptr;
  expect(sd_bus_get_property(bus, kService, link.c_str(), kLink, name, nullptr, &raw, type), name);
  return Message(raw);
}

std::set<net::IpAddress> servers_of(sd_bus* bus, const std::string& link) {
  const Message answer = property(bus, link, "DNS", "a(iay)");
  sd_bus_message* raw = answer.get();
  std::set<net::IpAddress> servers;
  expect(sd_bus_message_enter_container(raw, 'a', "(iay)"), "DNS");
  while (expect(sd_bus_message_enter_container(raw, 'r', "iay"), "DNS") > 0) {
    std::int32_t family = 0;
    const void* bytes = nullptr;
    std::size_t size = 0;
    expect(sd_bus_message_read(raw, "i", &family), "DNS");
    expect(sd_bus_message_read_array(raw, 'y', &bytes, &size), "DNS");
    expect(sd_bus_message_exit_container(raw), "DNS");
    const std::span address(static_cast<const std::uint8_t*>(bytes), size);
    if (size == 4) servers.insert(net::IpAddress::v4(address.first<4>()));
    if (size == 16) servers.insert(net::IpAddress::v6(address.first<16>()));
  }
  return servers;
}

/// A set, because resolved removes duplicates.
using Domains = std::set<std::pair<std::string, bool /*route only*/>>;

/// resolved writes names without the dot at the end.
std::string without_end(std::string domain) {
  if (domain.size() > 1 && domain.ends_with('.')) domain.pop_back();
  std::ranges::transform(domain, domain.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return domain;
}

Domains domains_of(sd_bus* bus, const std::string& link) {
  const Message answer = property(bus, link, "Domains", "a(sb)");
  sd_bus_message* raw = answer.get();
  Domains domains;
  expect(sd_bus_message_enter_container(raw, 'a', "(sb)"), "Domains");
  const char* domain = nullptr;
  int route_only = 0;
  while (expect(sd_bus_message_read(raw, "(sb)", &domain, &route_only), "Domains") > 0)
    domains.emplace(without_end(domain), route_only != 0);
  return domains;
}

bool is_default_route(sd_bus* bus, const std::string& link) {
  const Message answer = property(bus, link, "DefaultRoute", "b");
  int on = 0;
  expect(sd_bus_message_read(answer.get(), "b", &on), "DefaultRoute");
  return on != 0;
}

/// The network namespace of resolved's process. kUnknown: it does not run yet, or we may not look at it.
Whose namespace_of_process(sd_bus* bus) {
  sd_bus_creds* raw = nullptr;
  if (sd_bus_get_name_creds(bus, kService, SD_BUS_CREDS_PID, &raw) < 0) return Whose::kUnknown;
  const std::unique_ptr<sd_bus_creds, SdUnref> creds(raw);
  pid_t pid = 0;
  if (sd_bus_creds_get_pid(creds.get(), &pid) < 0) return Whose::kUnknown;
  std::error_code error;
  const auto theirs = std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/ns/net", error);
  if (error) return Whose::kUnknown;
  const auto ours = std::filesystem::read_symlink("/proc/thread-self/ns/net", error);
  if (error) return Whose::kUnknown;
  return theirs == ours ? Whose::kOurs : Whose::kOthers;
}

/// Several network namespaces may share the system bus. In another one, a link's index means another link, or
/// none.
void expect_same_namespace(sd_bus* bus) {
  const Whose whose = namespace_of_process(bus);
  if (whose == Whose::kOurs || (whose == Whose::kUnknown && is_bound_in_our_namespace(kSocket))) return;
  if (whose == Whose::kOthers) refused(ENXIO, "it runs in another network namespace");
  // It is a service of process 1, and runs in the same network namespace.
  if (host_namespace() == Whose::kOurs) return;
  refused(EXDEV,
          "it may run in another network namespace, and tunneld cannot find out: if it does not, set `dns: { "
          "own_resolver: true }`");
}

}  // namespace

bool leads_to_resolved(const std::string& resolv_conf) {
  // A link to a missing file counts as well, because resolved may be started by the first query.
  std::error_code error;
  const std::string real = std::filesystem::weakly_canonical(resolv_conf, error);
  const auto link = std::filesystem::read_symlink(resolv_conf, error);
  for (const std::string& path :
       {real, (std::filesystem::path(resolv_conf).parent_path() / link).lexically_normal().string()}) {
    if (path.starts_with("/run/systemd/resolve/") || path == "/usr/lib/systemd/resolv.conf") return true;
  }
  const std::vector<std::string> servers = name_servers_in(read_resolv_conf(resolv_conf).value_or(""));
  return servers.size() == 1 && (servers.front() == "127.0.0.53" || servers.front() == "127.0.0.54");
}

void expect_resolved(std::uint32_t interface_index, bool is_known) {
  const Bus bus = open_bus();
  if (!is_known) expect_same_namespace(bus.get());
  const auto give_up = std::chrono::steady_clock::now() + kAnswerPatience;
  for (;;) {
    try {
      return call_with_index(bus.get(), "GetLink", interface_index);
    } catch (const std::system_error& error) {
      const bool not_yet = error.code() == std::errc::no_such_device_or_address;
      if (!not_yet || std::chrono::steady_clock::now() >= give_up) throw;
    }
    std::this_thread::sleep_for(20ms);
  }
}

void set_resolved_link(std::uint32_t interface_index, const std::vector<net::IpAddress>& servers,
                       const std::vector<std::string>& search, bool all_names) {
  const Bus bus = open_bus();
  // Domains first, so that no query goes to a server that is not meant for it.
  set_domains(bus.get(), interface_index, search, all_names);
  set_default_route(bus.get(), interface_index, all_names);
  set_servers(bus.get(), interface_index, servers);
  flush_caches(bus.get());
}

std::optional<bool> resolved_link_stands(std::uint32_t interface_index,
                                         const std::vector<net::IpAddress>& servers,
                                         const std::vector<std::string>& search, bool all_names) {
  const Bus bus = open_bus();
  if (!runs(bus.get())) return std::nullopt;
  Domains domains;
  for (const std::string& domain : search) domains.emplace(without_end(domain), false);
  if (all_names) domains.emplace(".", true);
  const std::string link = path_of_link(bus.get(), interface_index);
  return servers_of(bus.get(), link) == std::set(servers.begin(), servers.end()) &&
         domains_of(bus.get(), link) == domains && is_default_route(bus.get(), link) == all_names;
}

void revert_resolved_link(std::uint32_t interface_index) {
  const Bus bus = open_bus();
  call_with_index(bus.get(), "RevertLink", interface_index);
  flush_caches(bus.get());
}

}  // namespace tunneld::daemon
