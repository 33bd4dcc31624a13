#include "common/net/interface_name.h"

#include <cerrno>
#include <system_error>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/net/file_descriptor.h"
#include "common/net/netlink.h"

namespace tunneld::net {
namespace {

/// SIOCGIFINDEX or SIOCGIFNAME; false: there is no such interface.
bool ask(unsigned long question, ifreq& request, const std::string& interface) {
  const FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (socket.is_open() && ::ioctl(socket.get(), question, &request) == 0) return true;
  const int error = errno;
  if (socket.is_open() && (error == ENODEV || error == ENXIO)) return false;
  throw NetlinkError(NetlinkError::Reason::kOther, "cannot look up the interface " + interface + ": " +
                                                       std::generic_category().message(error));
}

}  // namespace

std::optional<std::uint32_t> interface_index(const std::string& name) {
  ifreq request{};
  if (name.size() >= sizeof request.ifr_name) return std::nullopt;
  name.copy(request.ifr_name, name.size());
  if (!ask(SIOCGIFINDEX, request, name)) return std::nullopt;
  return static_cast<std::uint32_t>(request.ifr_ifindex);
}

bool is_interface(std::uint32_t index) {
  ifreq request{};
  request.ifr_ifindex = static_cast<int>(index);
  return ask(SIOCGIFNAME, request, "number " + std::to_string(index));
}

}  // namespace tunneld::net
