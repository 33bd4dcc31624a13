#include "daemon/log_stream.h"

#include <cerrno>

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/counted.h"

namespace tunneld::daemon {

LogStream::LogStream(int fd) : fd_(fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return;
  if (S_ISSOCK(status.st_mode)) {
    kind_ = Kind::kSocket;
  } else if (S_ISFIFO(status.st_mode) || ::isatty(fd) == 1) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    own_ = net::FileDescriptor(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!own_.is_open()) return;
    fd_ = own_.get();
    kind_ = Kind::kOwn;
  }
}

std::size_t LogStream::write_some(std::string_view text) const {
  if (kind_ == Kind::kShared) {
    // If another user's pipe, which cannot be opened again, has room at all, it has room for this much; files
    // and /dev/null always have room.
    pollfd room{.fd = fd_, .events = POLLOUT, .revents = 0};
    if (::poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0) return 0;
    text = text.substr(0, PIPE_BUF);
  }
  ssize_t written = 0;
  do {
    written = kind_ == Kind::kSocket ? ::send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                                     : ::write(fd_, text.data(), text.size());
  } while (written < 0 && errno == EINTR);
  return written < 0 ? 0 : static_cast<std::size_t>(written);
}

bool LogStream::finish_rest() {
  while (!rest_.empty()) {
    const std::size_t written = write_some(rest_);
    if (written == 0) return false;
    rest_.erase(0, written);
  }
  return true;
}

bool LogStream::begin(std::string_view line) {
  const std::size_t written = write_some(line);
  if (written == 0) return false;
  rest_ = line.substr(written);
  finish_rest();
  return true;
}

std::string lines_dropped_in_words(std::uint64_t count) {
  return counted(count, "line") + " of the log dropped: nobody read them";
}

void LogStream::write(std::string_view line, std::string_view prefix) {
  std::string notice;
  if (dropped_ != 0) {
    notice = std::string(prefix) + lines_dropped_in_words(dropped_) + '\n';
    // In one write: otherwise room for the notice alone would be filled with notices.
    line = notice.append(line);
  }
  if (finish_rest() && begin(line)) {
    dropped_ = 0;
  } else {
    ++dropped_;
  }
}

}  // namespace tunneld::daemon
