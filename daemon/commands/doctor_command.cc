#include "daemon/commands/doctor_command.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <thread>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/json.h"
#include "common/net/file_descriptor.h"
#include "common/net/ip_address.h"
#include "daemon/commands/control_client.h"
#include "daemon/commands/diagnosis.h"
#include "daemon/commands/forward_chains.h"
#include "daemon/commands/forwarding_off.h"
#include "daemon/icmp_error_reader.h"

namespace tunneld::daemon {
namespace {

/// Longer than the interval between two handshakes (5 s and a third of a second), so that at least one is
/// seen.
constexpr std::chrono::milliseconds kWatch{6000};
constexpr std::chrono::milliseconds kIcmpPatience{300};

/// The error that ICMP, or the kernel's own routing, returns for a datagram to `remote`; empty if none comes
/// back. The datagram is one byte, which is not a WireGuard message: a listener drops it.
std::string probe(const net::SocketAddress& remote, std::uint32_t mark) {
  sockaddr_storage address{};
  const std::uint32_t length = remote.to_sockaddr(address);
  const net::FileDescriptor socket(::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) return {};
  const bool v4 = address.ss_family == AF_INET;
  const int on = 1;
  // With it the kernel keeps each ICMP error, its type, its code and who sent it (ip(7)).
  (void)::setsockopt(socket.get(), v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, &on,
                     sizeof on);
  // As the daemon's, so that it does not go into a full tunnel. Needs CAP_NET_ADMIN; without it, no answer
  // says anything.
  if (mark != 0 && ::setsockopt(socket.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0) return {};
  const char byte = 0;
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      ::send(socket.get(), &byte, 1, MSG_NOSIGNAL) < 0) {
    return words_of_refusal({.error = errno});
  }
  pollfd waiting{.fd = socket.get(), .events = POLLIN, .revents = 0};
  if (::poll(&waiting, 1, static_cast<int>(kIcmpPatience.count())) <= 0) return {};
  const auto refusal = read_refusal(socket.get());
  return refusal ? words_of_refusal(*refusal) : "";
}

Unreachable probe_all(const Json& status, const std::string& only) {
  Unreachable unreachable;
  // It lets out the daemon's own datagrams alone.
  if (status.value("kill_switch", false)) return unreachable;
  const auto mark = status.value("fwmark", std::uint32_t{0});
  for (const auto& peer : status.at("peers")) {
    const std::string name = peer.at("name").get<std::string>();
    if (peer.at("state") == "up" || peer.at("endpoint").is_null()) continue;
    if (!only.empty() && name != only) continue;
    const auto remote = net::SocketAddress::parse(peer.at("endpoint").get<std::string>());
    if (!remote) continue;
    if (std::string words = probe(*remote, mark); !words.empty()) unreachable.emplace(name, std::move(words));
  }
  return unreachable;
}

const char* mark(Health health) {
  switch (health) {
    case Health::kGood:
      return "[ok]   ";
    case Health::kUnclear:
      return "[?]    ";
    case Health::kBad:
      return "[FAIL] ";
  }
  return "";
}

}  // namespace

ExitCode examine(const std::string& interface, const std::string& peer) {
  const Json before = ask(interface, "status");
  const auto& peers = before.at("peers");
  const bool is_known = peer.empty() || std::any_of(peers.begin(), peers.end(), [&peer](const auto& known) {
                          return known.at("name") == peer;
                        });
  if (!is_known) throw ControlError(ExitCode::kBadUsage, interface + " has no peer called '" + peer + "'");
  const Forwarding forwarding = read_forwarding(interface);
  std::cerr << "watching " << interface << " for " << kWatch.count() / 1000 << " seconds ...\n";
  std::this_thread::sleep_for(kWatch);
  const Json after = ask(interface, "status");
  bool is_well = true;
  std::vector<Finding> findings = diagnose(before, after, probe_all(after, peer), peer);
  for (Finding& finding : forwarding_findings(after, forwarding, read_forwarding(interface)))
    findings.push_back(std::move(finding));
  const std::vector<Finding> found = forward_findings(interface, forwards_for_tunnel(after, host_forwards()));
  findings.insert(findings.end(), found.begin(), found.end());
  for (const Finding& finding : findings) {
    std::cout << mark(finding.health) << (finding.peer.empty() ? "" : finding.peer + ": ") << finding.words
              << "\n";
    is_well = is_well && finding.health != Health::kBad;
  }
  return is_well ? ExitCode::kFine : ExitCode::kRuntimeFailure;
}

}  // namespace tunneld::daemon
