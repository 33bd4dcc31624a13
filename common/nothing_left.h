// Errors that say nothing of what was asked for, but that this process, or the host, has nothing left to ask
// with. Who takes one for "it is not there" takes a running daemon for one that has ended.
#pragma once

#include <cerrno>

namespace tunneld {

/// `error`: an errno. No descriptors, or no memory.
[[nodiscard]] inline bool nothing_left(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

}  // namespace tunneld
