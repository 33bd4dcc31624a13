// The virtual network device: a tun (layer 3) or tap (layer 2) of /dev/net/tun, one file descriptor per
// queue.
//
// The speed of a userspace tunnel depends on how many bytes each system call moves. With offloads on, the
// kernel delivers TCP and UDP superpackets of up to 64 KiB and takes them the same way; the VirtioNetHeader
// in front of each says what is left to do. To find out which offloads the kernel has, opening asks for all
// and steps down (USO came with Linux 6.2). Without offloads the device has no such header; this class then
// supplies an all-zero one, so that the data path has only one case.
//
// Opening happens at start-up and throws TunError, whose text says what to do. Reading and writing are on the
// packet path: no exceptions, no allocation, a status to check. Two events that every tun meets have a status
// of their own and are not failures: a write before the link is up (EIO), and the deletion of the device from
// outside (`ip link del`).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <sys/uio.h>

#include "common/bytes.h"
#include "common/net/file_descriptor.h"
#include "common/net/tun_state.h"
#include "common/net/virtio_net.h"

namespace tunneld::net {

struct TunOptions {
  /// 1 to 15 bytes; empty or with one "%d", the kernel numbers the device.
  std::string name;
  DeviceKind kind = DeviceKind::kTun;
  /// How many to open: at most 256; only one if the device is single-queue.
  unsigned queues = 1;
  /// Whether a new device is multi-queue; programs that ask for one queue cannot open such a device. nullopt:
  /// multi-queue if more than one is to be opened.
  std::optional<bool> multi_queue = std::nullopt;
  bool offload = true;
  /// Take over a persistent device of this name and kind; otherwise an existing device is an error.
  bool may_attach = false;
  /// Called with the device's name and the state to leave it in at the end (see restore()), before anything
  /// of that state is changed, except for the flags, which the next user sets anyway. Not called for a device
  /// of which queues were kept.
  std::function<void(const std::string& device, const TunState& found)> before_change = nullptr;
  /// In packets (a superpacket counts as one), per queue: 16 MiB of superpackets. When TCP starts it fills a
  /// longer queue, which delays all other traffic by a tenth of a second and does not fit the cache.
  std::uint32_t transmit_queue_length = 256;
};

/// The work that the kernel agreed to leave to us. `udp` also means that UDP superpackets may be written.
struct TunFeatures {
  bool checksum = false;
  bool tcp = false;
  bool tcp_ecn = false;
  bool udp = false;
  bool operator==(const TunFeatures&) const = default;
};

/// A failed start. code() holds the errno; what() names the device and the fix, and repeats the kernel's
/// error only if nothing better is known.
class TunError : public std::system_error {
 public:
  enum class Reason : std::uint8_t {
    kNoDriver,      // no /dev/net/tun, or no driver behind it
    kNotPermitted,  // CAP_NET_ADMIN is missing, or the device belongs to another user
    kBadName,
    kExists,     // the name is taken and may_attach is false
    kBusy,       // another process holds the device
    kWrongKind,  // the name belongs to another kind of device, or to one with another queue mode
    kOther,
  };
  TunError(Reason reason, int error, const std::string& words)
      : std::system_error(error, std::generic_category()),
        reason_(reason),
        words_(reason == Reason::kOther ? words + ": " + code().message() : words) {}
  [[nodiscard]] Reason reason() const { return reason_; }
  [[nodiscard]] const char* what() const noexcept override { return words_.c_str(); }

 private:
  Reason reason_;
  std::string words_;
};

enum class TunReadStatus : std::uint8_t {
  kPacket,
  kEmpty,   // nothing to read now
  kGone,    // the device was deleted: no read will ever succeed again
  kFailed,  // this read failed (count it); the next may succeed
};

struct TunRead {
  TunReadStatus status;
  VirtioNetHeader header;
  std::size_t length = 0;
};

enum class TunWriteStatus : std::uint8_t {
  kWritten,
  kDown,      // the link is not up: normal between creation and `ip link set up`
  kFull,      // the kernel has no room now; the packet is dropped
  kRejected,  // the kernel refused the header or the packet
  kGone,      // the device was deleted
};

/// One queue of a device: a non-blocking descriptor. Any thread may write; one thread should read, to keep
/// the order.
class TunQueue {
 public:
  /// A buffer of this size holds anything that a read can return: 65,535 bytes, an Ethernet header and two
  /// 802.1Q tags.
  static constexpr std::size_t kMaxPacket = 65535 + 14 + 8;
  /// Most parts that write() takes.
  static constexpr std::size_t kMaxParts = 256;

  TunQueue(FileDescriptor fd, bool has_header) : fd_(std::move(fd)), has_header_(has_header) {}

  /// Reads one packet or superpacket into `buffer`, which should hold kMaxPacket bytes: the kernel truncates
  /// a larger one.
  [[nodiscard]] TunRead read(MutableBytes buffer);
  /// Writes one packet or superpacket, gathered from `parts` (1 to kMaxParts). Without offloads `header` must
  /// be all zero.
  [[nodiscard]] TunWriteStatus write(const VirtioNetHeader& header, std::span<const iovec> parts);
  [[nodiscard]] TunWriteStatus write(const VirtioNetHeader& header, ByteView packet);
  /// For epoll. EPOLLERR means that the device is gone.
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  FileDescriptor fd_;
  bool has_header_;
};

class TunDevice {
 public:
  /// Throws TunError. Needs CAP_NET_ADMIN, or a persistent device that belongs to the caller.
  explicit TunDevice(const TunOptions& options) : TunDevice(options, {}) {}
  /// The same device as before: `kept` are queues of it that somebody has kept open since. Without any, as
  /// above. Precondition: are_queues_of().
  TunDevice(const TunOptions& options, std::vector<FileDescriptor> kept);
  /// Whether each is a queue of a device that these options could have opened, and it still exists.
  [[nodiscard]] static bool are_queues_of(const TunOptions& options, std::span<const FileDescriptor> kept);

  /// The name the kernel gave; the device may have been renamed since.
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] DeviceKind kind() const { return kind_; }
  /// In the network namespace in which it was opened.
  [[nodiscard]] std::uint32_t interface_index() const { return interface_index_; }
  [[nodiscard]] const TunFeatures& features() const { return features_; }
  /// True when a persistent device was taken over: it will outlive this object.
  [[nodiscard]] bool attached() const { return attached_; }
  /// From now on the device outlives this object, and this user and group may open it without CAP_NET_ADMIN.
  /// Throws TunError.
  void persist(std::optional<std::uint32_t> owner, std::optional<std::uint32_t> group);
  [[nodiscard]] std::span<TunQueue> queues() { return queues_; }
  [[nodiscard]] std::size_t queue_count() const { return queues_.size(); }

 private:
  /// The flags that it was opened with.
  int open(const TunOptions& options);

  std::string name_;
  DeviceKind kind_;
  std::uint32_t interface_index_ = 0;
  TunFeatures features_;
  bool attached_ = false;
  std::vector<TunQueue> queues_;
};

}  // namespace tunneld::net
