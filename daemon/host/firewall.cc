// The chains, and what they are for:
//
//   input, forward     Each packet from a restricted peer goes to the chain of that peer or its group, so
//                      removing a rule also ends the connections that it had allowed. Connection tracking
//                      only lets answers through, for connections that others have opened to the peer.
//   from-peers, own, between-peers
//                      Peers of a tap do not become this host's routers, and isolated peers do not reach each
//                      other through this host. Their packets are identified by a mark, whatever is on top of
//                      the tap (changes/tap_filter.h). This host's answers must not inherit the mark (sysctl
//                      fwmark_reflect).
//   leak-*             The kill switch. It needs its own chains, because an `accept` ends only the chain that
//                      it is in. Outer packets are identified by their mark, and by their socket's owner and
//                      port: a program of another user that may send raw packets (mtr's helper) could set the
//                      mark. The kernel and system users may send what a host needs on its link (DHCP,
//                      neighbour discovery). Other users may not, because addresses can carry messages.
//   outside-*          Answers to connections that come in outside of a full tunnel must leave outside of it,
//                      so these connections get the mark. Incoming packets get it before they are routed,
//                      because of strict reverse path filters; answers of this host when they leave; answers
//                      of containers when they are forwarded. This holds only for connections to this host's
//                      own addresses: what is forwarded goes into the tunnel. Marks of others are kept. A kill
//                      switch disables all this.
//   injected           Drops packets to the tunnel's addresses that come from outside of it (CVE-2019-14899).
//   mark-*             Answers to outer packets get their mark, too. Otherwise the kernel's reverse path check
//                      would look up their source in the tunnel's table.
//
// All policies are `accept`, and rules drop what has to be dropped. When a table is replaced, a chain takes
// effect a moment before its rules, and in that moment a policy of `drop` would drop everything.
#include "daemon/host/firewall.h"

#include <algorithm>
#include <map>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "common/net/nftables.h"
#include "daemon/host/address_ranges.h"
#include "daemon/host/changes/nft_table.h"
#include "daemon/host/changes/tap_filter.h"
#include "daemon/host/host_plan.h"

namespace tunneld::daemon {
namespace {

using Protocol = config::AccessRule::Protocol;

constexpr std::size_t kUnrestricted = static_cast<std::size_t>(-1);

/// The statements of a table.
class Rules {
 public:
  void line(const std::string& text) { text_ += "  " + text + "\n"; }
  void counter(const std::string& name) { line("counter " + name + " { packets 0 bytes 0 }"); }
  void chain(const std::string& name, const std::vector<std::string>& statements) {
    line("chain " + name + " {");
    for (const std::string& statement : statements) line("  " + statement);
    line("}");
  }
  /// `hook`: "forward priority filter".
  void base_chain(const std::string& name, const char* type, const std::string& hook,
                  std::vector<std::string> statements) {
    statements.insert(statements.begin(), fmt::format("type {} hook {}; policy accept;", type, hook));
    chain(name, statements);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }
  [[nodiscard]] bool is_empty() const { return text_.empty(); }

 private:
  std::string text_;
};

std::string list(const std::vector<net::IpPrefix>& prefixes, net::Family family) {
  std::string text;
  for (const net::IpPrefix& prefix : prefixes) {
    if (prefix.address.family() == family) text += (text.empty() ? "" : ", ") + prefix.to_string();
  }
  return text;
}

/// nft's words for a family: "ip", "ipv4_addr".
struct Words {
  net::Family family;
  const char* header;
  const char* type;
};
constexpr std::array kFamilies{Words{net::Family::kIpv4, "ip", "ipv4_addr"},
                               Words{net::Family::kIpv6, "ip6", "ipv6_addr"}};

/// Protocol numbers (RFC 5237), because newer libnftables look up names in /etc/protocols, which may be missing.
constexpr const char* kIcmp = "1";
constexpr const char* kTcp = "6";
constexpr const char* kUdp = "17";
constexpr const char* kIcmp6 = "58";

// --- access

std::string statement_of(const config::AccessRule& rule, const std::string& counter) {
  const bool is_v4 = rule.destination.address.is_v4();
  std::string text = rule.destination.length == 0
                         ? std::string("meta nfproto ") + (is_v4 ? "ipv4" : "ipv6")
                         : (is_v4 ? "ip daddr " : "ip6 daddr ") + rule.destination.to_string();
  const std::string protocols = rule.protocol == Protocol::kIcmp  ? is_v4 ? kIcmp : kIcmp6
                                : rule.protocol == Protocol::kTcp ? kTcp
                                : rule.protocol == Protocol::kUdp ? kUdp
                                                                  : fmt::format("{{ {}, {} }}", kTcp, kUdp);
  if (rule.protocol != Protocol::kAny || rule.first_port != 0) text += " meta l4proto " + protocols;
  if (rule.first_port != 0) text += fmt::format(" th dport {}-{}", rule.first_port, rule.last_port);
  return text + " counter name \"" + counter + "\" accept";
}

void add_chain(const std::string& chain, const std::vector<config::AccessRule>& allow,
               const std::string& otherwise, Rules& rules) {
  std::vector<std::string> statements;
  for (const config::AccessRule& rule : allow) {
    const std::string counter = allowed_counter(chain, rule);
    rules.counter(counter);
    statements.push_back(statement_of(rule, counter));
  }
  if (otherwise.empty()) {
    rules.counter(denied_counter(chain));
    statements.push_back("counter name \"" + denied_counter(chain) + "\" drop");
  } else {
    statements.push_back("goto " + otherwise);
  }
  rules.chain(chain, statements);
}

/// Sends packets to the chain of their source address's owner, or accepts them. Unknown addresses are refused: a
/// peer may have lost its lease while the packet was on its way.
void add_sources(const AccessPlan& access, Rules& rules) {
  std::vector<std::string> chains;
  std::map<std::string, std::size_t> chain_numbers;
  std::vector<OwnedNetwork> owned;
  for (const PeerAccess& peer : access.peers) {
    std::size_t owner = kUnrestricted;
    if (peer.is_restricted()) {
      const std::string chain = peer.allow ? peer_chain(peer.name) : group_chain(*peer.group);
      owner = chain_numbers.try_emplace(chain, chains.size()).first->second;
      if (owner == chains.size()) chains.push_back(chain);
    }
    for (const net::IpPrefix& network : peer.networks) owned.push_back({network, owner});
  }
  const std::vector<OwnedRange> ranges = disjoint_ranges(std::move(owned));
  for (const Words& words : kFamilies) {
    rules.line(fmt::format("map sources-{} {{", words.header));
    rules.line(fmt::format("  type {} : verdict; flags interval;", words.type));
    std::string elements;
    for (const OwnedRange& range : ranges) {
      if (range.first.family() != words.family) continue;
      elements += elements.empty() ? "\n" : ",\n";
      elements += "      " + range.first.to_string();
      if (range.last != range.first) elements += "-" + range.last.to_string();
      elements += range.owner == kUnrestricted ? " : accept" : " : goto " + chains[range.owner];
    }
    if (!elements.empty()) rules.line("  elements = {" + elements + " }");
    rules.line("}");
  }
}

void add_access(const HostPlan& plan, Rules& rules) {
  if (plan.access.is_empty()) return;
  for (const AccessPlan::Group& group : plan.access.groups) {
    add_chain(group_chain(group.name), group.allow, "", rules);
  }
  for (const PeerAccess& peer : plan.access.peers) {
    if (peer.allow) {
      add_chain(peer_chain(peer.name), *peer.allow, peer.group ? group_chain(*peer.group) : "", rules);
    }
  }
  add_sources(plan.access, rules);
  rules.counter("unknown-sources");
  rules.chain("access", {"ct direction reply ct state established accept",
                         fmt::format("meta l4proto {{ {}, {} }} ct state related accept", kIcmp, kIcmp6),
                         "ip saddr vmap @sources-ip", "ip6 saddr vmap @sources-ip6",
                         "counter name \"unknown-sources\" drop"});
  const std::string jump = "iifname \"" + plan.place() + "\" jump access";
  rules.base_chain("input", "filter", "input priority filter", {jump});
  rules.base_chain("forward", "filter", "forward priority filter", {jump});
}

void add_masquerade(const HostPlan& plan, Rules& rules) {
  if (!plan.forwarding || plan.masquerade.empty()) return;
  std::string names;
  for (const std::string& name : plan.masquerade) names += (names.empty() ? "\"" : ", \"") + name + "\"";
  rules.base_chain("hide-sources", "nat", "postrouting priority srcnat",
                   {"iifname \"" + plan.place() + "\" oifname { " + names + " } masquerade"});
}

/// For taps. Only advertisements to this host are refused: machines behind it get them.
void add_no_routers(const HostPlan& plan, Rules& rules) {
  if (!plan.no_routers) return;
  rules.counter("advertised");
  rules.base_chain(
      "from-peers", "filter", "input priority filter",
      {fmt::format("meta mark & {:#x} == {:#x} icmpv6 type {{ nd-router-advert, nd-redirect }} counter name "
                   "\"advertised\" drop",
                   kPeersMarkBits, peers_mark(plan.interface))});
}

/// The switch keeps peers apart, but the host could still forward their packets as a router. TapFilter drops
/// these; this does so on kernels without such filters.
void add_isolation(const HostPlan& plan, Rules& rules) {
  if (!plan.isolates_peers) return;
  rules.base_chain("own", "filter", "output priority mangle",
                   {fmt::format("meta mark & {0:#x} == {1:#x} meta mark set meta mark & {2:#x}",
                                kPeersMarkBits, peers_mark(plan.interface), ~kPeersMarkBits)});
  if (plan.bridge) return;
  const std::string device = "\"" + plan.interface + "\"";
  rules.counter("between-peers");
  rules.base_chain("between-peers", "filter", "forward priority filter",
                   {"iifname " + device + " oifname " + device + " counter name \"between-peers\" drop"});
}

// --- full tunnel

/// Lower user IDs are system users, for example DHCP clients that do not run as root.
constexpr unsigned kFirstPerson = 1000;

void add_kill_switch(const HostPlan& plan, Rules& rules, const char* priority) {
  if (!plan.kill_switch) return;
  rules.counter("leaks");
  const std::string ours = "oifname { \"lo\", \"" + plan.place() + "\" } accept";
  std::vector<std::string> local;
  for (const Words& words : kFamilies) {
    const std::string networks = list(plan.local_networks, words.family);
    if (!networks.empty()) local.push_back(fmt::format("{} daddr {{ {} }} accept", words.header, networks));
  }
  const std::string drop = "counter name \"leaks\" drop";

  rules.line("set outer-ports {");
  rules.line("  type inet_service;");
  if (!plan.outer_ports.empty())
    rules.line(fmt::format("  elements = {{ {} }}", fmt::join(plan.outer_ports, ", ")));
  rules.line("}");

  const std::string of_system = fmt::format("meta skuid < {} ", kFirstPerson);
  const std::string discovery =
      "icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 ";
  std::vector<std::string> output{
      ours,
      fmt::format("meta mark {:#x} meta skuid {} udp sport @outer-ports accept", plan.fwmark,
                  plan.outer_owner),
      // To any address, because a lease is renewed directly with the server, which may be behind routers.
      of_system + "meta nfproto ipv4 udp sport 68 udp dport 67 accept",
      of_system + "ip6 daddr { fe80::/10, ff02::1:2 } udp sport 546 udp dport 547 accept",
      of_system + discovery + "ip6 daddr { fe80::/10, ff02::/16 } accept"};
  output.insert(output.end(), local.begin(), local.end());
  // All other packets of programs are dropped here. The kernel's own packets have no owner, so they go on.
  output.push_back("meta skuid 0-4294967294 " + drop);
  output.push_back(discovery + "accept");
  output.push_back(
      "ip6 daddr ff02::/16 icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } "
      "accept");
  output.push_back(drop);
  rules.base_chain("leak-output", "filter", std::string("output priority ") + priority, output);

  std::vector<std::string> forward{ours,
                                   "iifname \"" + plan.place() + "\" ct state established,related accept"};
  forward.insert(forward.end(), local.begin(), local.end());
  forward.push_back(drop);
  rules.base_chain("leak-forward", "filter", std::string("forward priority ") + priority, forward);
}

void add_full_tunnel(const HostPlan& plan, Rules& rules) {
  if (!plan.kill_switch && !plan.takes_everything()) return;
  std::vector<std::string> injected;
  for (const Words& words : kFamilies) {
    std::vector<net::IpPrefix> addresses;
    for (const net::IpPrefix& address : plan.addresses)
      addresses.push_back(net::IpPrefix::of(address.address));
    const std::string own = list(addresses, words.family);
    if (own.empty()) continue;
    injected.push_back(fmt::format(
        "iifname != \"{}\" {} daddr {{ {} }} fib saddr type != local counter name \"injected\" drop",
        plan.place(), words.header, own));
  }
  if (!injected.empty()) {
    rules.counter("injected");
    rules.base_chain("injected", "filter", "prerouting priority raw", injected);
  }
  if (plan.fwmark == 0) return;
  const std::string mark = fmt::format("{:#x}", plan.fwmark);
  // A neighbour's answer comes from an address that packets without the mark reach through the tunnel, so a host's
  // filter of reverse paths (firewalld's, for IPv6) would drop it, and the endpoint would have no link address.
  rules.base_chain(
      "mark-in", "filter", "prerouting priority mangle",
      {std::string("meta l4proto ") + kUdp + " ct mark " + mark + " meta mark set ct mark",
       "iifname != \"" + plan.place() +
           "\" icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 meta mark set " +
           mark});
  rules.base_chain("mark-out", "filter", "postrouting priority mangle",
                   {std::string("meta l4proto ") + kUdp + " meta mark " + mark + " ct mark set meta mark"});
}

void add_answers_outside(const HostPlan& plan, Rules& rules) {
  if (plan.kill_switch || !plan.is_full_tunnel() || plan.fwmark == 0) return;
  const std::string mark = fmt::format("{:#x}", plan.fwmark);
  // Packets from a tap's peers have their own mark.
  const std::string from_outside =
      fmt::format("iifname != {{ \"lo\", \"{}\" }} meta mark & {:#x} == 0 ", plan.place(), ~kPeersMarkBits);
  rules.base_chain(
      "outside-in", "filter", "prerouting priority mangle",
      {from_outside + "ct direction original ct mark 0 fib daddr type local ct mark set " + mark,
       from_outside + "ct direction original ct mark " + mark + " fib daddr type local meta mark set " + mark,
       from_outside + "ct direction reply ct mark " + mark + " meta mark set " + mark});
  rules.base_chain("outside-out", "route", "output priority mangle",
                   {"meta mark 0 ct direction reply ct mark " + mark + " meta mark set " + mark});
}

}  // namespace

std::string group_chain(const std::string& group) {
  return "group/" + net::nft_name(group);
}

std::string peer_chain(const std::string& peer) {
  return "peer/" + net::nft_name(peer);
}

std::string allowed_counter(const std::string& chain, const config::AccessRule& rule) {
  // No name contains two slashes, so counter names are unique.
  std::string name = chain + "//" + rule.to_string();
  std::ranges::replace(name, ':', '_');
  std::erase_if(name, [](char c) { return c == '[' || c == ']'; });
  return name;
}

std::string denied_counter(const std::string& chain) {
  return chain + "//denied";
}

std::optional<NftTable> firewall_of(const HostPlan& plan) {
  Rules rules;
  add_access(plan, rules);
  add_masquerade(plan, rules);
  add_isolation(plan, rules);
  add_kill_switch(plan, rules, "filter");
  add_full_tunnel(plan, rules);
  add_answers_outside(plan, rules);
  // For a tap without a bridge, the device's sysctl settings have the same effect, so the table may fail.
  const bool is_wish = rules.is_empty() && !plan.bridge;
  add_no_routers(plan, rules);
  if (rules.is_empty()) return std::nullopt;
  // Behind the table itself, whose counters so count on.
  Rules guard;
  add_kill_switch(plan, guard, "filter + 1");
  return NftTable{.name = nft_table_name(plan.interface),
                  .rules = rules.take(),
                  .fail_closed = plan.kill_switch,
                  .guard = guard.take(),
                  .is_wish = is_wish};
}

}  // namespace tunneld::daemon
