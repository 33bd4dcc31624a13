#include "daemon/descriptor_store.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "daemon/service_notify.h"

namespace tunneld::daemon {
namespace {

constexpr int kPatienceMs = 1000;
/// SCM_MAX_FD, include/net/scm.h.
constexpr std::size_t kMostInAMessage = 253;

struct FreeNames {
  void operator()(char** names) const {
    for (char** name = names; *name != nullptr; ++name) std::free(*name);
    std::free(names);
  }
};

}  // namespace

bool has_descriptor_store() {
  const char* const manager = std::getenv("NOTIFY_SOCKET");
  return manager != nullptr && std::string_view(manager) == "/run/systemd/notify";
}

void store_descriptors(const std::string& name, std::span<const int> descriptors) {
  if (!has_descriptor_store()) return;
  // FDPOLL=0: otherwise the manager would wake up for events of these descriptors.
  while (!descriptors.empty()) {
    const std::size_t count = std::min(descriptors.size(), kMostInAMessage);
    notify_with("FDSTORE=1\nFDPOLL=0\nFDNAME=" + name, descriptors.first(count));
    descriptors = descriptors.subspan(count);
  }
}

void drop_stored(const std::string& name) {
  if (!has_descriptor_store()) return;
  notify_with("FDSTOREREMOVE=1\nFDNAME=" + name, {});
  // The manager closes its end of the pipe once it has read all earlier messages (sd_notify_barrier(3)).
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
  const net::FileDescriptor wait_end(ends[0]);
  net::FileDescriptor sent_end(ends[1]);
  notify_with("BARRIER=1", {&ends[1], 1});
  sent_end = net::FileDescriptor();
  pollfd closed{.fd = wait_end.get(), .events = 0, .revents = 0};
  while (::poll(&closed, 1, kPatienceMs) < 0 && errno == EINTR) {
  }
}

std::vector<net::FileDescriptor> take_stored(const std::string& name) {
  std::vector<net::FileDescriptor> found;
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(1, &names);
  if (count <= 0) return found;
  const std::unique_ptr<char*, FreeNames> owner(names);
  for (int i = 0; i < count; ++i) {
    net::FileDescriptor descriptor(SD_LISTEN_FDS_START + i);
    if (names[i] == name) found.push_back(std::move(descriptor));
  }
  return found;
}

}  // namespace tunneld::daemon
