#include "common/net/udp_receive.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <netinet/udp.h>

namespace tunneld::net {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// `out` as the v4-mapped form of the four bytes at `v4`.
void store_mapped(std::array<std::uint8_t, 16>& out, const void* v4) {
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), out.begin());
  std::memcpy(out.data() + kMappedPrefix.size(), v4, 4);
}

IpAddress parse_address(const std::array<std::uint8_t, 16>& bytes) {
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin())) {
    return IpAddress::v4(std::span(bytes).last<4>());
  }
  return IpAddress::v6(bytes);
}

template <typename T>
T load_control(const cmsghdr& message) {
  T value;
  std::memcpy(&value, CMSG_DATA(&message), sizeof value);
  return value;
}

void store_sender(const sockaddr_in6& name, RawEndpoint& out) {
  if (name.sin6_family == AF_INET6) {
    std::memcpy(out.remote.data(), &name.sin6_addr, 16);
    out.port = ntohs(name.sin6_port);
    out.scope_id = name.sin6_scope_id;
    return;
  }
  sockaddr_in v4;
  std::memcpy(&v4, &name, sizeof v4);
  store_mapped(out.remote, &v4.sin_addr);
  out.port = ntohs(v4.sin_port);
}

}  // namespace

Endpoint RawEndpoint::parse() const {
  Endpoint endpoint{.remote = {.address = parse_address(remote), .port = port, .scope_id = scope_id},
                    .local = std::nullopt,
                    .local_interface = interface};
  if (local != std::array<std::uint8_t, 16>{}) endpoint.local = parse_address(local);
  return endpoint;
}

ReceiveBatch::ReceiveBatch(std::size_t messages)
    : buffers_(std::make_unique_for_overwrite<std::uint8_t[]>(messages * kBufferSize)),
      headers_(messages),
      parts_(messages),
      names_(messages),
      controls_(messages) {
  for (std::size_t i = 0; i < messages; ++i) {
    parts_[i] = {buffers_.get() + i * kBufferSize, kBufferSize};
    headers_[i].msg_hdr = {.msg_name = &names_[i],
                           .msg_namelen = 0,
                           .msg_iov = &parts_[i],
                           .msg_iovlen = 1,
                           .msg_control = controls_[i].bytes.data(),
                           .msg_controllen = 0,
                           .msg_flags = 0};
    arm(i);
  }
}

// The kernel overwrites the lengths with what it used.
void ReceiveBatch::arm(std::size_t index) {
  headers_[index].msg_hdr.msg_namelen = sizeof(sockaddr_in6);
  headers_[index].msg_hdr.msg_controllen = kControlSize;
}

std::size_t ReceiveBatch::receive(int fd) {
  for (std::size_t i = 0; i < received_; ++i) arm(i);
  received_ = 0;
  met_refusal_ = false;
  // An error queued by an ICMP message makes one call fail and hides the datagrams behind it; a few such
  // errors are skipped.
  for (int attempt = 0; attempt < 4; ++attempt) {
    const int count =
        ::recvmmsg(fd, headers_.data(), static_cast<unsigned>(headers_.size()), MSG_DONTWAIT, nullptr);
    if (count >= 0) {
      received_ = static_cast<std::size_t>(count);
      break;
    }
    if (errno == EAGAIN) break;
    if (errno != EINTR) met_refusal_ = true;
    if (errno != ECONNREFUSED && errno != EHOSTUNREACH && errno != ENETUNREACH && errno != EINTR) {
      ++errors_;
      break;
    }
  }
  return received_;
}

ReceivedMessage ReceiveBatch::operator[](std::size_t index) {
  mmsghdr& header = headers_[index];
  ReceivedMessage message;
  store_sender(names_[index], message.from);
  // A truncated message is incomplete; its length says nothing about its segments.
  if ((header.msg_hdr.msg_flags & MSG_TRUNC) == 0) {
    message.data = {static_cast<std::uint8_t*>(parts_[index].iov_base), header.msg_len};
  }
  message.segment_size = message.data.size();

  for (cmsghdr* item = CMSG_FIRSTHDR(&header.msg_hdr); item != nullptr;
       item = CMSG_NXTHDR(&header.msg_hdr, item)) {
    if (item->cmsg_level == SOL_UDP && item->cmsg_type == UDP_GRO) {
      const int size = load_control<int>(*item);
      if (size > 0) message.segment_size = std::min(message.segment_size, static_cast<std::size_t>(size));
    } else if (item->cmsg_level == SOL_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
      const auto info = load_control<in6_pktinfo>(*item);
      std::memcpy(message.from.local.data(), &info.ipi6_addr, 16);
      message.from.interface = info.ipi6_ifindex;
    } else if (item->cmsg_level == SOL_IP && item->cmsg_type == IP_PKTINFO) {
      const auto info = load_control<in_pktinfo>(*item);
      store_mapped(message.from.local, &info.ipi_spec_dst);
      message.from.interface = static_cast<std::uint32_t>(info.ipi_ifindex);
    } else if (item->cmsg_level == SOL_IPV6 && item->cmsg_type == IPV6_TCLASS) {
      message.ecn = static_cast<std::uint8_t>(load_control<int>(*item) & 3);
    } else if (item->cmsg_level == SOL_IP && item->cmsg_type == IP_TOS) {
      message.ecn = load_control<std::uint8_t>(*item) & 3;
    }
  }
  return message;
}

}  // namespace tunneld::net
