#include "common/net/tun_device.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/net/holder.h"
#include "common/net/interface_name.h"
#include "common/net/tun_driver.h"

namespace tunneld::net {
namespace {

using Reason = TunError::Reason;

constexpr unsigned kMaxQueues = 256;  // MAX_TAP_QUEUES, drivers/net/tun.c

constexpr unsigned kTcpSuperpackets = TUN_F_TSO4 | TUN_F_TSO6;

void check_options(const TunOptions& options) {
  if (options.name.size() >= IFNAMSIZ) {
    throw TunError(Reason::kBadName, EINVAL,
                   "device name \"" + options.name + "\" is too long: at most 15 characters");
  }
  if (options.queues == 0 || options.queues > kMaxQueues) {
    throw TunError(Reason::kOther, EINVAL, "a tun device has 1 to " + std::to_string(kMaxQueues) + " queues");
  }
}

// "tun" or "tap" for a device of the tun driver, "" for any other, nullopt when there is none of this name.
std::optional<std::string> driver_kind(const std::string& name) {
  const FileDescriptor control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  ifreq request = request_for(name);
  request.ifr_data = reinterpret_cast<char*>(&info);
  if (::ioctl(control.get(), SIOCETHTOOL, &request) != 0) {
    if (errno == ENODEV) return std::nullopt;
    return "";
  }
  return std::strcmp(info.driver, "tun") == 0 ? std::string(info.bus_info) : "";
}

int flags_of(const TunOptions& options) {
  int flags = IFF_NO_PI | (options.kind == DeviceKind::kTun ? IFF_TUN : IFF_TAP);
  if (options.offload) flags |= IFF_VNET_HDR;
  if (options.multi_queue.value_or(options.queues > 1)) flags |= IFF_MULTI_QUEUE;
  return flags;
}

/// What TUNGETIFF tells beside the flags of a TUNSETIFF.
constexpr int kNotOfUsers = IFF_ATTACH_QUEUE | IFF_DETACH_QUEUE | IFF_NOFILTER | IFF_NAPI | IFF_NAPI_FRAGS;

/// Of the network namespace. A device may be moved to another one, and an old one lives on with its device.
bool is_of_our_namespace(const FileDescriptor& queue, const std::string& name) {
  if (!interface_index(name)) return false;
  const FileDescriptor its(::ioctl(queue.get(), SIOCGSKNS));
  struct stat theirs {};
  struct stat ours {};
  if (!its.is_open() || ::fstat(its.get(), &theirs) != 0) return true;  // it cannot be asked
  return ::stat("/proc/thread-self/ns/net", &ours) == 0 && theirs.st_ino == ours.st_ino;
}

struct Attached {
  std::string name;
  int flags = 0;
};
/// nullopt: this is no queue, or its device is gone.
std::optional<Attached> attached_flags(const FileDescriptor& queue) {
  ifreq request{};
  if (::ioctl(queue.get(), TUNGETIFF, &request) != 0) return std::nullopt;
  return Attached{std::string(request.ifr_name, ::strnlen(request.ifr_name, sizeof request.ifr_name)),
                  static_cast<std::uint16_t>(request.ifr_flags)};
}

/// "tun0 is in use by openvpn (pid 12)"
std::string in_use(const std::string& name) {
  const std::string holder = holder_of_tun_device(name);
  return name + " is in use by " + (holder.empty() ? "another program" : holder);
}

[[noreturn]] void throw_attach_error(const TunOptions& options, int error) {
  const std::string& name = options.name;
  const std::string kind = options.kind == DeviceKind::kTun ? "tun" : "tap";
  const std::optional<std::string> existing = driver_kind(name);

  if (existing && *existing != kind) {
    throw TunError(Reason::kWrongKind, error,
                   name + " exists already and is " + (existing->empty() ? "no " + kind : "a " + *existing) +
                       " device: choose another name");
  }
  if (existing && !options.may_attach) {
    const std::string holder = holder_of_tun_device(name);
    throw TunError(Reason::kExists, error,
                   name + " exists already" + (holder.empty() ? "" : ", and " + holder + " has it open") +
                       ": " +
                       (holder.empty() ? "take a persistent device over with 'persist: true', remove it with "
                                         "`ip link del " +
                                             name + "`, or "
                                       : "") +
                       "choose another name");
  }
  switch (error) {
    case EBUSY:
    case E2BIG:
      throw TunError(Reason::kBusy, error, in_use(name) + ": choose another name");
    case EPERM:
      throw TunError(Reason::kNotPermitted, error,
                     existing
                         ? name + " belongs to another user: make it for this one with `ip tuntap add dev " +
                               name + " mode " + kind + " user USER`"
                         : "may not create " + name +
                               ": CAP_NET_ADMIN is needed, or a device that root made for this user before");
    case EINVAL:
      throw TunError(Reason::kBadName, error, "\"" + name + "\" cannot be a device name");
    default:
      throw TunError(Reason::kOther, error, "cannot open device " + name);
  }
}

// Requests all offloads and steps down to what the kernel accepts. With offloads off it still requests
// "none", because a persistent device keeps the offloads of its last owner.
TunFeatures negotiate_offloads(int fd, bool offload) {
  constexpr std::array<unsigned, 4> kSteps = {
      TUN_F_CSUM | kTcpSuperpackets | TUN_F_TSO_ECN | kUdpSuperpackets,
      TUN_F_CSUM | kTcpSuperpackets | TUN_F_TSO_ECN,
      TUN_F_CSUM | kTcpSuperpackets,
      TUN_F_CSUM,
  };
  if (offload) {
    for (const unsigned step : kSteps) {
      if (::ioctl(fd, TUNSETOFFLOAD, static_cast<unsigned long>(step)) != 0) continue;
      return {.checksum = true,
              .tcp = (step & kTcpSuperpackets) != 0,
              .tcp_ecn = (step & TUN_F_TSO_ECN) != 0,
              .udp = (step & kUdpSuperpackets) != 0};
    }
  }
  ::ioctl(fd, TUNSETOFFLOAD, 0UL);
  return {};
}

// Optional: an unprivileged owner of a persistent device may not change it, and the device works all the
// same.
void set_transmit_queue_length(const std::string& name, std::uint32_t packets) {
  const FileDescriptor control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = request_for(name);
  request.ifr_qlen = static_cast<int>(packets);
  ::ioctl(control.get(), SIOCSIFTXQLEN, &request);
}

TunWriteStatus write_status(int error) {
  switch (error) {
    case EIO:
      return TunWriteStatus::kDown;
    case EBADFD:
    case ENODEV:
      return TunWriteStatus::kGone;
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
      return TunWriteStatus::kFull;
    default:
      return TunWriteStatus::kRejected;
  }
}

}  // namespace

TunRead TunQueue::read(MutableBytes buffer) {
  VirtioNetHeader header;
  std::array<iovec, 2> parts = {iovec{&header, sizeof header}, iovec{buffer.data(), buffer.size()}};
  const ssize_t result =
      has_header_ ? ::readv(fd_.get(), parts.data(), 2) : ::read(fd_.get(), buffer.data(), buffer.size());
  if (result < 0) {
    switch (errno) {
      case EAGAIN:
        return {.status = TunReadStatus::kEmpty, .header = {}};
      case EBADFD:
      case ENODEV:
        return {.status = TunReadStatus::kGone, .header = {}};
      default:
        return {.status = TunReadStatus::kFailed, .header = {}};
    }
  }
  const std::size_t prefix = has_header_ ? sizeof header : 0;
  const auto length = static_cast<std::size_t>(result);
  if (length <= prefix) return {.status = TunReadStatus::kFailed, .header = {}};
  return {.status = TunReadStatus::kPacket, .header = header, .length = length - prefix};
}

TunWriteStatus TunQueue::write(const VirtioNetHeader& header, std::span<const iovec> parts) {
  if (parts.size() > kMaxParts) return TunWriteStatus::kRejected;
  std::array<iovec, kMaxParts + 1> all;
  all[0] = {const_cast<VirtioNetHeader*>(&header), sizeof header};
  std::copy(parts.begin(), parts.end(), all.begin() + 1);
  const auto count = static_cast<int>(parts.size());
  const ssize_t result =
      has_header_ ? ::writev(fd_.get(), all.data(), count + 1) : ::writev(fd_.get(), all.data() + 1, count);
  return result >= 0 ? TunWriteStatus::kWritten : write_status(errno);
}

TunWriteStatus TunQueue::write(const VirtioNetHeader& header, ByteView packet) {
  const iovec part{const_cast<std::uint8_t*>(packet.data()), packet.size()};
  return write(header, {&part, 1});
}

int TunDevice::open(const TunOptions& options) {
  int flags = flags_of(options);
  TunState found = flags_of_tun(name_, kind_);
  FileDescriptor first = open_tun_driver();
  int error = attach(first, name_, flags | IFF_TUN_EXCL);
  if (error == EBUSY && options.may_attach) {
    attached_ = true;
    error = attach_patiently(first, name_, flags);
    if (error == EINVAL) {
      // The kernel distinguishes single- and multi-queue devices; the creator of the device has chosen.
      flags ^= IFF_MULTI_QUEUE;
      error = attach_patiently(first, name_, flags);
    }
  }
  if (error != 0) throw_attach_error(options, error);
  if (options.before_change) {
    found.multi_queue = (flags & IFF_MULTI_QUEUE) != 0;
    read_settings(first, name_, found);
    options.before_change(name_, found);
  }
  // A device that outlives us keeps the length that its creator has set.
  if (!attached_) set_transmit_queue_length(name_, options.transmit_queue_length);
  queues_.emplace_back(std::move(first), options.offload);
  return flags;
}

TunDevice::TunDevice(const TunOptions& options, std::vector<FileDescriptor> kept)
    : name_(options.name), kind_(options.kind) {
  check_options(options);
  int flags = 0;
  if (kept.empty()) {
    flags = open(options);
  } else {
    flags = attached_flags(kept.front())->flags;
    attached_ = (flags & IFF_PERSIST) != 0;
    flags &= ~(IFF_PERSIST | kNotOfUsers);
    for (FileDescriptor& queue : kept) queues_.emplace_back(std::move(queue), options.offload);
  }
  const int first = queues_.front().fd();
  if (options.offload) {
    // A persistent device keeps the header size of its last owner, too.
    int header_size = sizeof(VirtioNetHeader);
    if (::ioctl(first, TUNSETVNETHDRSZ, &header_size) != 0) {
      throw TunError(Reason::kOther, errno, "cannot set the offload header's size of " + name_);
    }
  }
  features_ = negotiate_offloads(first, options.offload);

  const unsigned queues = (flags & IFF_MULTI_QUEUE) != 0 ? options.queues : 1;
  while (queues_.size() > queues) queues_.pop_back();
  queues_.reserve(queues);
  while (queues_.size() < queues) {
    FileDescriptor next = open_tun_driver();
    if (const int error = attach(next, name_, flags); error != 0) throw_attach_error(options, error);
    queues_.emplace_back(std::move(next), options.offload);
  }
  interface_index_ = net::interface_index(name_).value_or(0);
}

bool TunDevice::are_queues_of(const TunOptions& options, std::span<const FileDescriptor> kept) {
  return std::ranges::all_of(kept, [&options](const FileDescriptor& queue) {
    const auto attached = attached_flags(queue);
    if (!attached || attached->name != options.name || !is_of_our_namespace(queue, options.name))
      return false;
    const bool has_room = options.queues == 1 || (attached->flags & IFF_MULTI_QUEUE) != 0;
    if (!has_room && !options.may_attach) return false;
    // Whether it is multi-queue is the creator's choice.
    constexpr int kAnyway = IFF_PERSIST | IFF_MULTI_QUEUE | kNotOfUsers;
    return (attached->flags & ~kAnyway) == (flags_of(options) & ~kAnyway);
  });
}

void TunDevice::persist(std::optional<std::uint32_t> owner, std::optional<std::uint32_t> group) {
  const int fd = queues_.front().fd();
  if ((owner && ::ioctl(fd, TUNSETOWNER, static_cast<unsigned long>(*owner)) != 0) ||
      (group && ::ioctl(fd, TUNSETGROUP, static_cast<unsigned long>(*group)) != 0) ||
      ::ioctl(fd, TUNSETPERSIST, 1UL) != 0) {
    throw TunError(Reason::kOther, errno, "cannot make " + name_ + " persistent");
  }
}

}  // namespace tunneld::net
