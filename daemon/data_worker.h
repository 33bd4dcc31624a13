// One data worker: a tun queue and a UDP socket, and two threads between them, one for each direction.
//
// Two threads, because the directions do not share state and because a blocking wait on one descriptor costs
// no extra system call under load: a thread reads until there is nothing left, and only then polls. All
// protocol is in protocol/outbound.cc and inbound.cc; this file moves bytes.
//
// One wake-up is saved where it counts: what the kernel answers on the spot (a ping, an ACK) waits in the
// device when the inbound thread has written, so that thread reads once itself if the outbound one sleeps.
// Order is kept by a mutex that is held from reading until what was read is sent; it is taken once a batch.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

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
  DataWorker(std::size_t index, protocol::DataPlane& plane, net::TunQueue& queue, net::UdpSocket& socket,
             const net::TunFeatures& features, WorkerSignals& signals);
  ~DataWorker();
  DataWorker(const DataWorker&) = delete;
  DataWorker& operator=(const DataWorker&) = delete;

 private:
  void run_outbound(protocol::Quiescence::Reader& reader);
  void run_inbound(protocol::Quiescence::Reader& reader);
  /// Sends what up to `reads` reads of the device give; false when the device is empty or gone. The caller
  /// holds `sending_`.
  bool carry_out(protocol::Quiescence::Reader& reader, int reads);
  void wake_control(std::size_t thread);
  /// False when it is time to stop.
  [[nodiscard]] bool wait_readable(int fd) const;

  const std::size_t index_;
  protocol::DataPlane& plane_;
  net::TunQueue& queue_;
  net::UdpSocket& socket_;
  const net::TunFeatures features_;
  WorkerSignals& signals_;
  std::mutex sending_;  ///< guards the device's reading side: outbound_path_ and buffer_
  protocol::Outbound outbound_path_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::atomic<bool> stopping_{false};
  net::FileDescriptor stop_;  ///< eventfd: wakes both threads from poll
  std::jthread outbound_;
  std::jthread inbound_;
};

}  // namespace tunneld::daemon
