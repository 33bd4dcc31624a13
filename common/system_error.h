// Failed system calls as exceptions, for start-up and for calls whose failure the caller cannot handle.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace tunneld {

/// `what`: the call, or the path it was made for.
[[noreturn]] inline void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

/// The result of a call that returns -1 and sets errno.
inline int checked(int result, const char* what) {
  if (result < 0) fail(errno, what);
  return result;
}

}  // namespace tunneld
