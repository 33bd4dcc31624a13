#include "common/net/tun_driver.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <sys/ioctl.h>

#include "common/net/interface_name.h"
#include "common/net/netlink.h"
#include "common/net/tun_device.h"

namespace tunneld::net {
namespace {

using Reason = TunError::Reason;

constexpr const char* kDevicePath = "/dev/net/tun";

// Whether another process has queues of a multi-queue device; the kernel shares such a device without an
// error.
bool is_shared(const std::string& name) {
  try {
    const auto tun = Netlink().link(interface_index(name).value_or(0)).tun;
    return tun && tun->open_queues > 1;
  } catch (const NetlinkError&) {
    return false;
  }
}

}  // namespace

ifreq request_for(const std::string& device) {
  ifreq request{};
  std::memcpy(request.ifr_name, device.data(), std::min(device.size(), sizeof request.ifr_name - 1));
  return request;
}

FileDescriptor open_tun_driver() {
  FileDescriptor fd(::open(kDevicePath, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (fd.is_open()) return fd;
  const int error = errno;
  switch (error) {
    case ENOENT:
      throw TunError(Reason::kNoDriver, error,
                     "there is no /dev/net/tun: load the driver with `modprobe tun`; a container needs the "
                     "device passed in (`--device /dev/net/tun`)");
    case ENODEV:
    case ENXIO:
      throw TunError(
          Reason::kNoDriver, error,
          "/dev/net/tun has no driver behind it: load it with `modprobe tun` on the host's kernel");
    case EACCES:
    case EPERM:
      throw TunError(Reason::kNotPermitted, error,
                     "may not open /dev/net/tun: run as root, or let the user read and write that file");
    default:
      throw TunError(Reason::kOther, error, "cannot open /dev/net/tun");
  }
}

int attach(const FileDescriptor& fd, std::string& name, int flags) {
  ifreq request = request_for(name);
  request.ifr_flags = static_cast<short>(flags);
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) return errno;
  name.assign(request.ifr_name, ::strnlen(request.ifr_name, sizeof request.ifr_name));
  return 0;
}

int attach_patiently(FileDescriptor& fd, std::string& name, int flags) {
  for (int tries = 25;; --tries) {
    int error = attach(fd, name, flags);
    if (error == 0 && (flags & IFF_MULTI_QUEUE) != 0 && is_shared(name)) {
      error = EBUSY;
      fd = open_tun_driver();  // an attached descriptor can only be detached by closing it
    }
    if (error != EBUSY || tries == 0) return error;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace tunneld::net
