#include "daemon/data_worker.h"

#include <array>
#include <string>
#include <system_error>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/net/system_clock.h"
#include "common/protocol/inbound.h"
#include "common/protocol/outbound.h"

namespace tunneld::daemon {
namespace {

/// Packets read from the device before what was read is sent: bounds the delay of the first one.
constexpr int kMaxReads = 64;

void name_thread(const char* direction, std::size_t index) {
  pthread_setname_np(pthread_self(), (std::string(direction) + "-" + std::to_string(index)).c_str());
}

}  // namespace

DataWorker::DataWorker(std::size_t index, protocol::DataPlane& plane, net::TunQueue& queue,
                       net::UdpSocket& socket, const net::TunFeatures& features, WorkerSignals& signals)
    : index_(index),
      plane_(plane),
      queue_(queue),
      socket_(socket),
      features_(features),
      signals_(signals),
      outbound_path_(plane, 2 * index),
      buffer_(std::make_unique<std::uint8_t[]>(net::TunQueue::kMaxPacket)),
      stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (stop_.get() < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  // Registered here: the control thread must know all readers before it retires anything.
  protocol::Quiescence::Reader& out = plane.quiescence.add_reader();
  protocol::Quiescence::Reader& in = plane.quiescence.add_reader();
  outbound_ = std::jthread([this, &out] { run_outbound(out); });
  inbound_ = std::jthread([this, &in] { run_inbound(in); });
}

DataWorker::~DataWorker() {
  stopping_.store(true);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(stop_.get(), &one, sizeof one);
}

bool DataWorker::wait_readable(int fd) const {
  std::array<pollfd, 2> fds = {pollfd{fd, POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
  poll(fds.data(), fds.size(), -1);
  return fds[1].revents == 0;
}

void DataWorker::wake_control(std::size_t thread) {
  if (!plane_.doors[thread]->take_pending()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(signals_.wake_fd, &one, sizeof one);
}

bool DataWorker::carry_out(protocol::Quiescence::Reader& reader, int reads) {
  const auto send = [this] {
    for (const protocol::SealedRun& run : outbound_path_.finish()) {
      const net::SendResult result =
          run.oversize ? socket_.send_fragmented(*run.endpoint, run.bytes, run.segment_size, run.ecn)
                       : socket_.send_segments(*run.endpoint, run.bytes, run.segment_size, run.ecn);
      outbound_path_.note_sent(run, result.sent, result.forget_local);
      if (result.segmentation_lost) signals_.segmentation_lost.store(true);
    }
    const protocol::IcmpAnswers& answers = outbound_path_.answers();
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (queue_.write({}, answers[i]) != net::TunWriteStatus::kWritten) {
        plane_.drops[2 * index_].count(protocol::Drop::kDeviceRefused);
      }
    }
  };

  bool more = true;
  reader.enter();
  outbound_path_.begin(net::boot_now());
  for (; reads > 0 && more; --reads) {
    const net::TunRead read = queue_.read({buffer_.get(), net::TunQueue::kMaxPacket});
    if (read.status == net::TunReadStatus::kGone) {
      signals_.device_gone.store(true);
      const std::uint64_t one = 1;
      [[maybe_unused]] const ssize_t written = write(signals_.wake_fd, &one, sizeof one);
      more = false;
    }
    if (read.status == net::TunReadStatus::kEmpty) more = false;
    if (read.status != net::TunReadStatus::kPacket) continue;
    const MutableBytes packet(buffer_.get(), read.length);
    if (!outbound_path_.add(read.header, packet)) {
      send();
      outbound_path_.begin(net::boot_now());
      [[maybe_unused]] const bool added = outbound_path_.add(read.header, packet);
    }
  }
  send();
  reader.leave();
  wake_control(2 * index_);
  return more;
}

void DataWorker::run_outbound(protocol::Quiescence::Reader& reader) {
  name_thread("out", index_);
  while (wait_readable(queue_.fd()) && !signals_.device_gone.load(std::memory_order_relaxed)) {
    const std::lock_guard lock(sending_);
    while (!stopping_.load(std::memory_order_relaxed) && carry_out(reader, kMaxReads)) {
    }
  }
}

void DataWorker::run_inbound(protocol::Quiescence::Reader& reader) {
  name_thread("in", index_);
  const std::size_t thread = 2 * index_ + 1;
  protocol::Inbound inbound(plane_, thread, {.tcp = features_.tcp, .udp = features_.udp});
  net::ReceiveBatch batch;
  net::RawEndpoint known_sender;
  net::Endpoint sender = known_sender.parse();

  const auto write = [&](const net::VirtioNetHeader& header, std::span<const iovec> parts) {
    if (queue_.write(header, parts) != net::TunWriteStatus::kWritten) {
      plane_.drops[thread].count(protocol::Drop::kDeviceRefused, parts.size());
    }
  };

  while (wait_readable(socket_.fd())) {
    while (!stopping_.load(std::memory_order_relaxed) && socket_.receive(batch) > 0) {
      reader.enter();
      inbound.begin(net::boot_now());
      for (std::size_t i = 0; i < batch.size(); ++i) {
        const net::ReceivedMessage message = batch[i];
        if (message.segment_size == 0) continue;
        if (message.from != known_sender) {
          known_sender = message.from;
          sender = message.from.parse();
        }
        inbound.add({message.data, message.segment_size, message.ecn, sender}, write);
      }
      inbound.finish(write);
      reader.leave();
      wake_control(thread);
      if (batch.size() == 1 && sending_.try_lock()) {
        carry_out(reader, 1);
        sending_.unlock();
      }
    }
  }
}

}  // namespace tunneld::daemon
