// One data worker: a tun queue and a UDP socket, and what moves packets between them. All protocol is in
// protocol/outbound.cc and inbound.cc; this file moves bytes.
//
// One thread or two. A packet that comes alone pays for every thread that has to wake up for it, so a quiet
// worker has one thread that waits for both descriptors; a ping then finds the kernel's answer in the device
// before anybody goes to sleep. A busy worker is limited by what one core can do, so when there is much to
// move the first thread (inbound) leaves the device to a second one (outbound), which gives it back when the
// device has been silent for a while. Only who has the device reads from it; giving and taking is one atomic,
// and happens a few times a second at most.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "common/net/tun_device.h"
#include "common/net/udp_socket.h"
#include "common/protocol/data_plane.h"
#include "common/protocol/outbound.h"

namespace tunneld::daemon {

/// What the data threads tell the control thread besides notices through their doors. Shared by all of them.
struct WorkerSignals {
  /// eventfd: there are notices, or one of the flags below was set.
  int wake_fd;
  std::atomic<bool> device_gone{false};
  std::atomic<bool> segmentation_lost{false};
};

class DataWorker {
 public:
  /// Starts the threads. `index`-th of the workers: its threads count as 2 * index and 2 * index + 1.
  /// `lanes`: the sockets that lanes 1, 2, … leave from.
  DataWorker(std::size_t index, protocol::DataPlane& plane, std::span<net::TunQueue> queues,
             net::UdpSocket& socket, std::vector<net::UdpSocket>& lanes, const net::TunFeatures& features,
             WorkerSignals& signals);
  ~DataWorker();
  /// The socket has become another (UdpSocket::become). Called by any thread.
  void socket_is_another();
  DataWorker(const DataWorker&) = delete;
  DataWorker& operator=(const DataWorker&) = delete;

 private:
  /// Who reads from the device.
  enum class DeviceReader : std::uint8_t { kInbound, kOutbound, kNobody };
  /// What a turn has moved, to tell a quiet worker from a busy one.
  struct Moved {
    std::size_t bytes = 0;
    /// The device may have more.
    bool more = false;
  };

  void run_outbound(protocol::Quiescence::Reader& reader);
  void run_inbound(protocol::Quiescence::Reader& reader);
  /// Sends what up to `reads` reads of the device give. The caller is the device's reader.
  Moved carry_out(protocol::Quiescence::Reader& reader, int reads);
  /// Where a received packet is written. The kernel sends a flow's packets out through the queue that its
  /// answers came in by: in a quiet worker its own, where it finds them itself; in a busy one the flow's, so
  /// that the flows of one peer, which all come in here as long as it has no lanes, leave by all workers.
  [[nodiscard]] net::TunQueue& queue_for(std::span<const iovec> packet);
  /// Empties the socket's error queue. What is about an initiation goes to the control thread.
  void read_refusals(std::size_t thread);
  /// Seals and sends what `path` holds; counts as `thread`.
  void send(protocol::Outbound& path, std::size_t thread);
  void give_device_to_outbound();
  void give_device_back();
  void wake_control(std::size_t thread);
  [[nodiscard]] bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  const std::size_t index_;
  protocol::DataPlane& plane_;
  const std::span<net::TunQueue> queues_;
  net::TunQueue& queue_;  ///< of queues_, the one that it reads
  net::UdpSocket& socket_;
  std::vector<net::UdpSocket>& lanes_;
  const net::TunFeatures features_;
  WorkerSignals& signals_;
  // The device's reading side, of whoever is its reader.
  protocol::Outbound outbound_path_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::atomic<DeviceReader> device_reader_{DeviceReader::kInbound};
  std::atomic<bool> stopping_{false};
  net::FileDescriptor stop_;  ///< eventfd: wakes both threads from their waits
  net::FileDescriptor
      epoll_;  ///< what the inbound thread waits for: socket, stop, and the device while it has it
  std::jthread outbound_;
  std::jthread inbound_;
};

}  // namespace tunneld::daemon
