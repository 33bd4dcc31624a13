// Builds and reads rtnetlink messages: the only file that knows their headers and attributes.
//
// They are built with libnl's nl_msg and read from the raw header, so that replies to our requests
// (netlink.cc) and notices of the kernel (netlink_monitor.cc) share the same code. A reader returns nullopt
// for a malformed message, and for one that is of no interest (cloned routes, other families).
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <optional>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "common/net/netlink_types.h"

namespace tunneld::net {

/// One request under construction. Throws std::bad_alloc.
class NetlinkMessage {
 public:
  /// `type` is RTM_*; `flags` are NLM_F_* beyond those that every request has.
  NetlinkMessage(int type, int flags) : raw_(nlmsg_alloc_simple(type, flags)) {
    if (!raw_) throw std::bad_alloc();
  }
  /// The fixed header after nlmsghdr (ifinfomsg, rtmsg, ...): call it first, and once.
  template <typename Header>
  void header(Header value) {
    check(nlmsg_append(raw_.get(), &value, sizeof value, NLMSG_ALIGNTO));
  }
  void put(int attribute, const IpAddress& address) {
    const ByteView bytes = address.bytes();
    check(nla_put(raw_.get(), attribute, static_cast<int>(bytes.size()), bytes.data()));
  }
  void put(int attribute, ByteView bytes) {
    check(nla_put(raw_.get(), attribute, static_cast<int>(bytes.size()), bytes.data()));
  }
  void put(int attribute, const std::string& text) {
    check(nla_put_string(raw_.get(), attribute, text.c_str()));
  }
  void put_u8(int attribute, std::uint8_t value) { check(nla_put_u8(raw_.get(), attribute, value)); }
  void put_u32(int attribute, std::uint32_t value) { check(nla_put_u32(raw_.get(), attribute, value)); }
  /// All attributes until the matching end_nest() go inside `attribute`.
  [[nodiscard]] nlattr* begin_nest(int attribute) {
    nlattr* nest = nla_nest_start(raw_.get(), attribute);
    if (nest == nullptr) throw std::bad_alloc();
    return nest;
  }
  void end_nest(nlattr* nest) { nla_nest_end(raw_.get(), nest); }
  [[nodiscard]] nl_msg* raw() { return raw_.get(); }

 private:
  static void check(int result) {
    if (result < 0) throw std::bad_alloc();
  }
  struct Deleter {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
  };
  std::unique_ptr<nl_msg, Deleter> raw_;
};

/// AF_INET or AF_INET6.
[[nodiscard]] std::uint8_t address_family(Family family);

/// Precondition of all: nlmsg_len lies within the buffer.
[[nodiscard]] std::optional<Link> read_link(const nlmsghdr& message);
[[nodiscard]] std::optional<InterfaceAddress> read_address(const nlmsghdr& message);
[[nodiscard]] std::optional<Route> read_route(const nlmsghdr& message);
/// The answer to a query for one destination.
[[nodiscard]] std::optional<ResolvedRoute> read_resolved_route(const nlmsghdr& message);
[[nodiscard]] std::optional<Rule> read_rule(const nlmsghdr& message);

}  // namespace tunneld::net
