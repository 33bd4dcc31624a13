#include "daemon/host/changes/sysctl.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "common/net/file_descriptor.h"

namespace tunneld::daemon {
namespace {

[[noreturn]] void throw_error(int error, const std::string& name) {
  throw std::system_error(error, std::generic_category(), "sysctl " + name);
}

net::FileDescriptor open_sysctl(const std::string& name, int flags) {
  // Names come from the journal as well: none may lead elsewhere.
  if (name.empty() || name.front() == '/' || ("/" + name + "/").find("/../") != std::string::npos) {
    throw_error(EINVAL, name);
  }
  return net::FileDescriptor(::open(("/proc/sys/" + name).c_str(), flags | O_CLOEXEC));
}

}  // namespace

std::optional<std::string> read_sysctl(const std::string& name) {
  const net::FileDescriptor file = open_sysctl(name, O_RDONLY);
  if (!file.is_open()) {
    if (errno == ENOENT) return std::nullopt;
    throw_error(errno, name);
  }
  std::array<char, 4096> text;
  const ssize_t length = ::read(file.get(), text.data(), text.size());
  if (length < 0) throw_error(errno, name);
  std::string value(text.data(), static_cast<std::size_t>(length));
  if (value.ends_with('\n')) value.pop_back();
  return value;
}

void write_sysctl(const std::string& name, const std::string& value) {
  const net::FileDescriptor file = open_sysctl(name, O_WRONLY);
  if (!file.is_open()) throw_error(errno, name);
  if (::write(file.get(), value.data(), value.size()) < 0) throw_error(errno, name);
}

}  // namespace tunneld::daemon
