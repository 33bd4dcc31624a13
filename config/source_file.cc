#include "config/source_file.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>

#include "common/net/file_descriptor.h"

namespace tunneld::config {
namespace {

std::string reason(int error) {
  return std::generic_category().message(error);
}

/// Reads at most one byte more than the limit, so that a file that grows meanwhile is noticed and not
/// followed. Returns 0 or an errno.
int read_all(int fd, std::size_t expected, std::string& text) {
  text.resize(expected + 1);
  std::size_t filled = 0;
  while (filled <= kMaxFileSize) {
    if (filled == text.size()) text.resize(kMaxFileSize + 1);
    const ssize_t got = ::read(fd, text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  text.resize(filled);
  return 0;
}

}  // namespace

std::optional<SourceFile> read_source_file(const std::string& path, const Location& at,
                                           Diagnostics& diagnostics) {
  const net::FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.is_open()) {
    diagnostics.error(at, "cannot open " + in_quotes(path) + ": " + reason(errno));
    return std::nullopt;
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    diagnostics.error(at, "cannot examine " + in_quotes(path) + ": " + reason(errno));
    return std::nullopt;
  }
  if (!S_ISREG(status.st_mode)) {
    diagnostics.error(at, in_quotes(path) + " is not a regular file",
                      "name a file that holds the configuration");
    return std::nullopt;
  }
  if ((status.st_mode & S_IWOTH) != 0) {
    diagnostics.error(at, "everybody may write to " + in_quotes(path), "run: chmod o-w " + path);
    return std::nullopt;
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  SourceFile file{{}, {status.st_dev, status.st_ino}};
  const int error = size > kMaxFileSize ? 0 : read_all(fd.get(), size, file.text);
  if (error != 0) {
    diagnostics.error(at, "cannot read " + in_quotes(path) + ": " + reason(error));
    return std::nullopt;
  }
  if (size > kMaxFileSize || file.text.size() > kMaxFileSize) {
    diagnostics.error(at, in_quotes(path) + " is larger than 4 MiB, which no configuration needs",
                      "split a very long list of peers over several files and include them");
    return std::nullopt;
  }
  return file;
}

}  // namespace tunneld::config
