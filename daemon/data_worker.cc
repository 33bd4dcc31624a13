#include "daemon/data_worker.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <system_error>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/net/ethernet.h"
#include "common/net/file_descriptor.h"
#include "common/net/flow_hash.h"
#include "common/net/system_clock.h"
#include "common/protocol/inbound.h"
#include "common/protocol/messages.h"
#include "common/protocol/outbound.h"
#include "common/system_error.h"
#include "daemon/icmp_error_reader.h"

namespace tunneld::daemon {
namespace {

/// The most packets read from the device before they are sent: limits the delay of the first one.
constexpr int kMaxReads = 64;
/// A worker is busy if a turn moves more than this in one direction; a few full packets do not count as busy.
constexpr std::size_t kBusyBytes = std::size_t{32} * 1024;
/// Entries of the error queue read at once: forged ICMP must not keep the thread from its packets.
constexpr int kMaxRefusals = 64;
/// After this time without a packet from the device, a thread of its own is no longer worth its wake-ups.
constexpr int kQuietMilliseconds = 20;

void name_thread(const char* direction, std::size_t index) {
  pthread_setname_np(pthread_self(), (std::string(direction) + "-" + std::to_string(index)).c_str());
}

void watch(const net::FileDescriptor& epoll, int fd) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  checked(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

/// By its only writer: no locked instruction.
void count_turn(std::atomic<std::uint64_t>& turns) {
  turns.store(turns.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

DataWorker::DataWorker(std::size_t index, protocol::DataPlane& plane, std::span<net::TunQueue> queues,
                       net::UdpSocket& socket, std::vector<net::UdpSocket>& lanes,
                       const net::TunFeatures& features, WorkerSignals& signals)
    : index_(index),
      plane_(plane),
      outbound_thread_(plane.threads.outbound(index)),
      inbound_thread_(plane.threads.inbound(index)),
      queues_(queues),
      queue_(queues[index]),
      socket_(socket),
      lanes_(lanes),
      features_(features),
      signals_(signals),
      outbound_path_(plane, outbound_thread_),
      buffer_(std::make_unique<std::uint8_t[]>(net::TunQueue::kMaxPacket)),
      poke_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      stop_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {
  watch(epoll_, queue_.fd());
  watch(epoll_, socket_.fd());
  watch(epoll_, stop_.get());
  epoll_event poked{.events = EPOLLIN | EPOLLET, .data = {.fd = poke_.get()}};
  checked(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, poke_.get(), &poked), "epoll_ctl");
  // Registered here: the control thread must know all readers before it retires anything.
  protocol::Quiescence::Reader& out = plane.quiescence.add_reader();
  protocol::Quiescence::Reader& in = plane.quiescence.add_reader();
  outbound_ = std::jthread([this, &out] { run_outbound(out); });
  inbound_ = std::jthread([this, &in] { run_inbound(in); });
}

DataWorker::~DataWorker() {
  stopping_.store(true);
  net::ring(stop_.get());
  device_reader_.store(DeviceReader::kNobody);
  device_reader_.notify_all();
}

// The kernel has dropped the registration together with the old socket.
void DataWorker::socket_is_another() {
  watch(epoll_, socket_.fd());
}

void DataWorker::poke() {
  net::ring(poke_.get());
}

void DataWorker::wake_control(protocol::DataThread thread) {
  if (!plane_.doors[thread.number]->take_pending()) return;
  net::ring(signals_.wake_fd);
}

void DataWorker::read_refusals(protocol::DataThread thread) {
  std::array<std::uint8_t, protocol::kQuotedInitiation> quotation;
  for (int i = 0; i < kMaxRefusals; ++i) {
    const auto refusal = read_refusal(socket_.fd(), quotation);
    if (!refusal) break;
    const ByteView quoted = ByteView(quotation).first(refusal->quoted);
    if (!refusal->nothing_listens() || !refusal->destination || !protocol::quoted_initiation(quoted))
      continue;
    const net::Endpoint there{.remote = *refusal->destination, .local = std::nullopt, .local_interface = 0};
    // If the door is full, the news is lost: the next try comes at its usual time.
    (void)plane_.doors[thread.number]->push({.notice = protocol::Notice::kRefused, .endpoint = there},
                                            quoted);
  }
  wake_control(thread);
}

void DataWorker::send(protocol::Outbound& path, protocol::DataThread thread) {
  for (const protocol::SealedRun& run : path.finish()) {
    net::UdpSocket& socket = run.lane == 0 ? socket_ : lanes_[run.lane - 1];
    const net::SendResult result =
        run.oversize ? socket.send_fragmented(*run.endpoint, run.bytes, run.segment_size, run.ecn)
                     : socket.send_segments(*run.endpoint, run.bytes, run.segment_size, run.ecn);
    path.note_sent(run, result.sent, result.forget_local);
    if (result.segmentation_lost) signals_.segmentation_lost.store(true);
  }
  const protocol::InnerIcmpErrors& answers = path.answers();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (queue_.write({}, answers[i]) != net::TunWriteStatus::kWritten) {
      plane_.drops[thread.number].count(protocol::Drop::kDeviceRefused);
    }
  }
}

DataWorker::Moved DataWorker::send_from_device(protocol::Quiescence::Reader& reader, int reads) {
  Moved moved{.more = true};
  reader.enter();
  outbound_path_.begin(net::boot_now());
  for (; reads > 0 && moved.more; --reads) {
    const net::TunRead read = queue_.read({buffer_.get(), net::TunQueue::kMaxPacket});
    if (read.status == net::TunReadStatus::kGone) {
      signals_.device_gone.store(true);
      net::ring(signals_.wake_fd);
      moved.more = false;
    }
    if (read.status == net::TunReadStatus::kEmpty) moved.more = false;
    if (read.status != net::TunReadStatus::kPacket) continue;
    moved.bytes += read.length;
    const MutableBytes packet(buffer_.get(), read.length);
    while (!outbound_path_.add(read.header, packet)) {
      send(outbound_path_, outbound_thread_);
      outbound_path_.begin(net::boot_now());
    }
  }
  send(outbound_path_, outbound_thread_);
  reader.leave();
  wake_control(outbound_thread_);
  return moved;
}

// --- Who reads from the device

net::TunQueue& DataWorker::queue_for(std::span<const iovec> packet) {
  if (queues_.size() == 1 || device_reader_.load(std::memory_order_relaxed) == DeviceReader::kInbound)
    return queue_;
  ByteView head(static_cast<const std::uint8_t*>(packet[0].iov_base), packet[0].iov_len);
  if (plane_.ethernet) {
    const auto frame = net::EthernetFrame::parse(head);
    if (!frame || (frame->type != net::kEtherTypeIpv4 && frame->type != net::kEtherTypeIpv6)) return queue_;
    head = head.subspan(frame->header_length);
  }
  return queues_[net::flow_hash(head) % queues_.size()];
}

void DataWorker::give_device_to_outbound() {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, queue_.fd(), nullptr);
  auto expected = DeviceReader::kInbound;
  if (device_reader_.compare_exchange_strong(expected, DeviceReader::kOutbound)) device_reader_.notify_all();
}

void DataWorker::give_device_back() {
  // The descriptor is watched before it is handed over: a packet that arrives in between wakes the inbound
  // thread, which looks again.
  epoll_event event{.events = EPOLLIN, .data = {.fd = queue_.fd()}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, queue_.fd(), &event);
  auto expected = DeviceReader::kOutbound;
  device_reader_.compare_exchange_strong(expected, DeviceReader::kInbound);
}

void DataWorker::run_outbound(protocol::Quiescence::Reader& reader) {
  name_thread("out", index_);
  std::array<pollfd, 2> fds = {pollfd{queue_.fd(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
  for (;;) {
    device_reader_.wait(DeviceReader::kInbound);
    while (device_reader_.load() == DeviceReader::kOutbound && !signals_.device_gone.load()) {
      do {
        count_turn(outbound_turns_);
      } while (!stopping() && send_from_device(reader, kMaxReads).more);
      if (poll(fds.data(), fds.size(), kQuietMilliseconds) == 0) give_device_back();
    }
    if (stopping() || signals_.device_gone.load()) return;
  }
}

void DataWorker::run_inbound(protocol::Quiescence::Reader& reader) {
  name_thread("in", index_);
  const protocol::DataThread thread = inbound_thread_;
  protocol::Inbound inbound(plane_, thread, {.tcp = features_.tcp, .udp = features_.udp});
  net::ReceiveBatch batch;
  net::RawEndpoint known_sender;
  net::Endpoint sender = known_sender.parse();

  const auto write = [&](const net::VirtioNetHeader& header, std::span<const iovec> parts) {
    if (queue_for(parts).write(header, parts) != net::TunWriteStatus::kWritten) {
      plane_.drops[thread.number].count(protocol::Drop::kDeviceRefused, parts.size());
    }
  };

  // For frames from peer to peer, at a tap.
  std::optional<protocol::Outbound> onward;
  if (plane_.ethernet) onward.emplace(plane_, thread);
  const auto forward = [&](const protocol::ForwardedFrame& frame) {
    while (!onward->forward(frame)) {
      send(*onward, thread);
      onward->begin(net::boot_now());
    }
  };

  const auto receive = [&] {
    std::size_t bytes = 0;
    reader.enter();
    inbound.begin(net::boot_now());
    if (onward) onward->begin(net::boot_now());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const net::ReceivedMessage message = batch[i];
      if (message.segment_size == 0) continue;
      if (message.from != known_sender) {
        known_sender = message.from;
        sender = message.from.parse();
      }
      bytes += message.data.size();
      inbound.add({message.data, message.segment_size, message.ecn, sender}, write, forward);
    }
    if (onward) send(*onward, thread);
    inbound.finish(write);
    reader.leave();
    wake_control(thread);
    return bytes;
  };

  std::array<epoll_event, 4> events;
  while (!stopping()) {
    const int ready = epoll_wait(epoll_.get(), events.data(), events.size(), -1);
    for (int i = 0; i < ready; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.fd == socket_.fd() && (event.events & EPOLLERR) != 0) read_refusals(thread);
    }
    for (bool more = true; more && !stopping();) {
      count_turn(inbound_turns_);
      more = socket_.receive(batch) > 0;
      if (batch.met_refusal()) read_refusals(thread);
      const std::size_t received = more ? receive() : 0;
      if (device_reader_.load() != DeviceReader::kInbound) continue;
      // Includes the kernel's immediate answers to what was written.
      const Moved sent = send_from_device(reader, kMaxReads);
      if (sent.more || std::max(sent.bytes, received) > kBusyBytes || signals_.device_gone.load()) {
        give_device_to_outbound();
      }
    }
  }
}

}  // namespace tunneld::daemon
