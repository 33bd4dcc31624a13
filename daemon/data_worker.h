// One data worker: a tun queue and a UDP socket, and two threads between them, one for each direction.
//
// Two threads, because the directions do not share state and because a blocking wait on one descriptor costs
// no extra system call under load: a thread reads until there is nothing left, and only then polls. All
// protocol is in protocol/outbound.cc and inbound.cc; this file moves bytes.
#pragma once

#include <atomic>
#include <thread>

#include "common/net/tun_device.h"
#include "common/net/udp_socket.h"
#include "common/protocol/data_plane.h"

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
  void wake_control(std::size_t thread);
  /// False when it is time to stop.
  [[nodiscard]] bool wait_readable(int fd) const;

  const std::size_t index_;
  protocol::DataPlane& plane_;
  net::TunQueue& queue_;
  net::UdpSocket& socket_;
  const net::TunFeatures features_;
  WorkerSignals& signals_;
  std::atomic<bool> stopping_{false};
  net::FileDescriptor stop_;  ///< eventfd: wakes both threads from poll
  std::jthread outbound_;
  std::jthread inbound_;
};

}  // namespace tunneld::daemon
