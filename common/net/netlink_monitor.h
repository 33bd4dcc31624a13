// Tells what changes on the host's network: links, addresses, routes and rules, as the kernel announces it.
//
// A non-blocking descriptor for an event loop: when it is readable, call read(). The kernel drops notices
// when they come faster than they are read (ENOBUFS); that is reported as Resynchronise, and the reader has
// to look at the present state (netlink.h) instead of waiting for what it missed. Notices from other
// processes are ignored: only the kernel's count.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "common/net/file_descriptor.h"
#include "common/net/netlink_types.h"

namespace tunneld::net {

enum class Happened : std::uint8_t { kSet, kRemoved };  // kSet: new, or changed

/// `requester`: the netlink port of who asked for it, mostly its process number; 0: the kernel itself.
struct LinkEvent {
  Happened happened;
  Link link;
  std::uint32_t requester = 0;
};
struct AddressEvent {
  Happened happened;
  InterfaceAddress address;
  std::uint32_t requester = 0;
};
struct RouteEvent {
  Happened happened;
  Route route;
  std::uint32_t requester = 0;
};
struct RuleEvent {
  Happened happened;
  Rule rule;
  std::uint32_t requester = 0;
};
struct Resynchronise {};

using NetworkEvent = std::variant<LinkEvent, AddressEvent, RouteEvent, RuleEvent, Resynchronise>;

class NetlinkMonitor {
 public:
  /// Watches the network namespace of the caller, from now on. Throws std::system_error.
  NetlinkMonitor();

  [[nodiscard]] int fd() const { return socket_.get(); }
  /// Appends what has happened since the last call, in order. Never blocks, never throws but std::bad_alloc.
  void read(std::vector<NetworkEvent>& events);

 private:
  FileDescriptor socket_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace tunneld::net
