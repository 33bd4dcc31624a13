#include "tests/unit/host/open_fault.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>

#include <dlfcn.h>
#include <fcntl.h>

namespace {

FILE* open_stream(const char* function, const char* path, const char* mode) {
  if (tunneld::daemon::open_fault != 0) {
    errno = tunneld::daemon::open_fault;
    return nullptr;
  }
  return reinterpret_cast<FILE* (*)(const char*, const char*)>(dlsym(RTLD_NEXT, function))(path, mode);
}

}  // namespace

// What libstdc++ opens files and directories with: the first up to gcc 12, the second in gcc 14.
extern "C" FILE* fopen64(const char* path, const char* mode) {
  return open_stream("fopen64", path, mode);
}

extern "C" FILE* fopen(const char* path, const char* mode) {
  return open_stream("fopen", path, mode);
}

extern "C" int fcntl(int fd, int command, ...) {
  if (command == F_DUPFD_CLOEXEC && tunneld::daemon::copy_fault != 0) {
    ++tunneld::daemon::copies_refused;
    errno = tunneld::daemon::copy_fault;
    return -1;
  }
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  static const auto real = reinterpret_cast<int (*)(int, int, ...)>(dlsym(RTLD_NEXT, "fcntl"));
  return real(fd, command, argument);
}

extern "C" int openat(int directory, const char* path, int flags, ...) {
  if (tunneld::daemon::open_fault != 0) {
    errno = tunneld::daemon::open_fault;
    return -1;
  }
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = va_arg(arguments, mode_t);
  va_end(arguments);
  static const auto real = reinterpret_cast<int (*)(int, const char*, int, ...)>(dlsym(RTLD_NEXT, "openat"));
  return real(directory, path, flags, mode);
}
