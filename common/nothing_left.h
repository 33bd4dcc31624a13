// Errors that say nothing about the object in question, only that this process or the host has run out of
// descriptors or memory. To mistake them for "it does not exist" would be to mistake a running daemon for a
// dead one.
#pragma once

#include <cerrno>

namespace tunneld {

/// `error`: an errno. True: no descriptors or no memory left.
[[nodiscard]] inline bool nothing_left(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

}  // namespace tunneld
