// One data worker: a tun queue and a UDP socket, and the threads that move packets between them. The protocol
// is in protocol/outbound.cc and inbound.cc; this file only moves bytes.
//
// A worker has one thread or two. A packet that comes alone pays for every thread that has to wake up for it.
// So a quiet worker has one thread that waits for both descriptors; a ping then finds the kernel's answer in
// the device before the thread goes to sleep. A busy worker is limited by what one core can do. So when there
// is much to move, the first thread (inbound) hands the device to a second one (outbound), which hands it
// back when the device has been silent for a while. Only the thread that has the device reads from it.
// Handing it over is one atomic, a few times a second at most.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "common/net/tun_device.h"
#include "common/net/udp_socket.h"
#include "common/protocol/data_plane.h"
#include "common/protocol/outbound.h"

namespace tunneld::daemon {

/// Reports from the data threads to the control thread, in addition to the notices through their doors. Shared
/// by all data threads.
struct WorkerSignals {
  /// eventfd: there are notices, or one of the flags below was set.
  int wake_fd;
  std::atomic<bool> device_gone{false};
  std::atomic<bool> segmentation_lost{false};
};

class DataWorker {
 public:
  /// Starts the threads. `index`: the number of the worker; its threads are numbered 2 * index and 2 * index
  /// + 1. `lanes`: the sockets that lanes 1, 2, … leave from.
  DataWorker(std::size_t index, protocol::DataPlane& plane, std::span<net::TunQueue> queues,
             net::UdpSocket& socket, std::vector<net::UdpSocket>& lanes, const net::TunFeatures& features,
             WorkerSignals& signals);
  ~DataWorker();
  /// The socket has been replaced by another (UdpSocket::become). May be called by any thread.
  void socket_is_another();
  /// Wakes the worker, so that it makes a turn. May be called by any thread.
  void poke();
  /// The number of turns of each thread. nullopt while the outbound thread has no device, and so makes none.
  [[nodiscard]] std::uint64_t inbound_turns() const { return inbound_turns_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::optional<std::uint64_t> outbound_turns() const {
    if (device_reader_.load() != DeviceReader::kOutbound) return std::nullopt;
    return outbound_turns_.load(std::memory_order_relaxed);
  }
  DataWorker(const DataWorker&) = delete;
  DataWorker& operator=(const DataWorker&) = delete;

 private:
  /// The thread that reads from the device.
  enum class DeviceReader : std::uint8_t { kInbound, kOutbound, kNobody };
  /// How much a turn has moved, which tells a quiet worker from a busy one.
  struct Moved {
    std::size_t bytes = 0;
    /// The device may have more.
    bool more = false;
  };

  void run_outbound(protocol::Quiescence::Reader& reader);
  void run_inbound(protocol::Quiescence::Reader& reader);
  /// Sends the packets of up to `reads` reads of the device. The caller must be the device's reader.
  Moved send_from_device(protocol::Quiescence::Reader& reader, int reads);
  /// The queue to which a received packet is written. The kernel sends the packets of a flow through the
  /// queue on which its answers came in. A quiet worker uses its own queue and finds the answers itself. A
  /// busy one uses the queue of the flow's hash: without lanes all flows of a peer come in here, and so they
  /// leave by all workers.
  [[nodiscard]] net::TunQueue& queue_for(std::span<const iovec> packet);
  /// Empties the socket's error queue. Errors about an initiation go to the control thread.
  void read_refusals(protocol::DataThread thread);
  /// Seals and sends the packets in `path`; counts as `thread`.
  void send(protocol::Outbound& path, protocol::DataThread thread);
  void give_device_to_outbound();
  void give_device_back();
  void wake_control(protocol::DataThread thread);
  [[nodiscard]] bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  const std::size_t index_;
  protocol::DataPlane& plane_;
  const protocol::DataThread outbound_thread_, inbound_thread_;
  const std::span<net::TunQueue> queues_;
  net::TunQueue& queue_;  ///< the one of queues_ that it reads
  net::UdpSocket& socket_;
  std::vector<net::UdpSocket>& lanes_;
  const net::TunFeatures features_;
  WorkerSignals& signals_;
  // The outbound side, used by the thread that reads from the device.
  protocol::Outbound outbound_path_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::atomic<DeviceReader> device_reader_{DeviceReader::kInbound};
  std::atomic<bool> stopping_{false};
  // Each is written by its thread only.
  std::atomic<std::uint64_t> inbound_turns_{0};
  std::atomic<std::uint64_t> outbound_turns_{0};
  net::FileDescriptor poke_;  ///< eventfd, edge-triggered: wakes the inbound thread, and is never read
  net::FileDescriptor stop_;  ///< eventfd: wakes both threads from their waits
  net::FileDescriptor
      epoll_;  ///< what the inbound thread waits for: socket, stop, and the device while it has it
  std::jthread outbound_;
  std::jthread inbound_;
};

}  // namespace tunneld::daemon
