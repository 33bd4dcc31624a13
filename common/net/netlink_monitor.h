// Reports changes of the host's links, addresses, routes and rules, as the kernel announces them.
//
// A non-blocking descriptor for an event loop: when it is readable, call read(). The kernel drops notices
// that are not read fast enough (ENOBUFS). This is reported as Resynchronise; the reader then has to query
// the present state (netlink.h), because the dropped notices are not sent again. Only notices of the kernel
// count; those from other processes are ignored.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "common/net/file_descriptor.h"
#include "common/net/netlink_types.h"

namespace tunneld::net {

enum class Happened : std::uint8_t { kSet, kRemoved };  // kSet: new, or changed

/// `requester`: the netlink port of the requester, mostly its process number; 0: the kernel itself.
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
