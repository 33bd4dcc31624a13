#include "common/net/holder.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <system_error>

namespace tunneld::net {
namespace {

namespace fs = std::filesystem;

std::string link_of(const fs::path& path) {
  std::error_code error;
  const fs::path target = fs::read_symlink(path, error);
  return error ? "" : target.string();
}

/// Sockets bound to the port, by inode: /proc/net/udp has "sl local_address rem_address st … uid timeout
/// inode", the address as HEX:PORT (Linux's Documentation/networking/proc_net_tcp.rst).
void add_sockets(const char* table, std::uint16_t port, std::set<std::string>& sockets) {
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string slot;
    std::string local;
    std::string skipped;
    std::string inode;
    fields >> slot >> local;
    for (int i = 0; i < 7; ++i) fields >> skipped;
    fields >> inode;
    const std::size_t colon = local.rfind(':');
    unsigned number = 0;
    if (!fields || colon == std::string::npos) continue;
    const char* const end = local.data() + local.size();
    if (std::from_chars(local.data() + colon + 1, end, number, 16).ptr != end || number != port) continue;
    sockets.insert("socket:[" + inode + "]");
  }
}

/// The first process of this network namespace with a descriptor that `is_it`: its directory in /proc, and
/// the descriptor's number.
std::string first_process(const std::function<bool(const fs::path&, const std::string&)>& is_it) {
  const std::string own_namespace = link_of("/proc/self/ns/net");
  std::error_code error;
  for (const fs::directory_entry& process : fs::directory_iterator("/proc", error)) {
    const std::string pid = process.path().filename();
    if (!std::ranges::all_of(pid, [](unsigned char c) { return std::isdigit(c) != 0; })) continue;
    if (link_of(process.path() / "ns/net") != own_namespace) continue;
    for (const fs::directory_entry& descriptor : fs::directory_iterator(process.path() / "fd", error)) {
      if (!is_it(process.path(), descriptor.path().filename())) continue;
      std::ifstream file(process.path() / "comm");
      std::string name;
      std::getline(file, name);
      return name + " (pid " + pid + ")";
    }
  }
  return "";
}

struct Remembered {
  std::uint16_t port = 0;
  std::string device;
  std::string port_holder;
  std::string device_holder;
};

Remembered& remembered() {
  static Remembered holders;
  return holders;
}

std::string find_holder_of_udp_port(std::uint16_t port) {
  std::set<std::string> sockets;
  add_sockets("/proc/self/net/udp", port, sockets);
  add_sockets("/proc/self/net/udp6", port, sockets);
  if (sockets.empty()) return "";
  return first_process([&](const fs::path& process, const std::string& descriptor) {
    return sockets.contains(link_of(process / "fd" / descriptor));
  });
}

std::string find_holder_of_tun_device(const std::string& name) {
  return first_process([&](const fs::path& process, const std::string& descriptor) {
    if (link_of(process / "fd" / descriptor) != "/dev/net/tun") return false;
    std::ifstream file(process / "fdinfo" / descriptor);
    for (std::string line; std::getline(file, line);) {
      if (line == "iff:\t" + name) return true;
    }
    return false;
  });
}

}  // namespace

std::string holder_of_udp_port(std::uint16_t port) {
  std::string holder = find_holder_of_udp_port(port);
  return holder.empty() && port == remembered().port ? remembered().port_holder : holder;
}

std::string holder_of_tun_device(const std::string& name) {
  std::string holder = find_holder_of_tun_device(name);
  return holder.empty() && name == remembered().device ? remembered().device_holder : holder;
}

void remember_holders(std::uint16_t port, const std::string& device) {
  remembered() = {};
  if (port != 0)
    remembered() = {
        .port = port, .device = {}, .port_holder = find_holder_of_udp_port(port), .device_holder = {}};
  std::error_code error;
  if (device.empty() || !fs::exists("/sys/class/net/" + device, error)) return;
  remembered().device = device;
  remembered().device_holder = find_holder_of_tun_device(device);
}

}  // namespace tunneld::net
