// A message of bytes with descriptors beside them (SCM_RIGHTS, unix(7)).
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include <sys/socket.h>
#include <sys/uio.h>

#include "common/net/file_descriptor.h"

namespace tunneld::net {

class DescriptorMessage {
 public:
  /// For recvmsg(): room for `bytes`, which outlive this, and one descriptor.
  explicit DescriptorMessage(std::span<char> bytes) : DescriptorMessage(bytes, 1) {}
  /// For sendmsg(). With no descriptors it is a message of bytes.
  DescriptorMessage(std::span<char> bytes, std::span<const int> descriptors)
      : DescriptorMessage(bytes, descriptors.size()) {
    if (descriptors.empty()) return;
    cmsghdr* const header = CMSG_FIRSTHDR(&message_);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  DescriptorMessage(const DescriptorMessage&) = delete;
  DescriptorMessage& operator=(const DescriptorMessage&) = delete;

  [[nodiscard]] msghdr& header() { return message_; }
  /// After recvmsg(): the descriptor that came; not open if none did.
  [[nodiscard]] FileDescriptor received() const {
    const cmsghdr* const header = CMSG_FIRSTHDR(&message_);
    if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return {};
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    return FileDescriptor(descriptor);
  }

 private:
  DescriptorMessage(std::span<char> bytes, std::size_t descriptors)
      : part_{.iov_base = bytes.data(), .iov_len = bytes.size()},
        control_(descriptors == 0 ? 0
                                  : CMSG_SPACE(descriptors * sizeof(int)) / sizeof(std::max_align_t) + 1) {
    message_.msg_iov = &part_;
    message_.msg_iovlen = 1;
    if (descriptors == 0) return;
    message_.msg_control = control_.data();
    message_.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
  }

  iovec part_;
  std::vector<std::max_align_t> control_;  ///< aligned as a cmsghdr has to be
  msghdr message_{};
};

}  // namespace tunneld::net
