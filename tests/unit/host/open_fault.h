#pragma once

namespace tunneld::daemon {

/// While not zero, opening a file or a directory by the C++ library fails with this errno
/// (open_fault.cc stands in front of libc). A limit on descriptors would do, but sanitizers need some
/// themselves.
inline int open_fault = 0;

/// While not zero, a descriptor cannot be copied (F_DUPFD_CLOEXEC), for this errno.
inline int copy_fault = 0;
/// How often that has failed.
inline int copies_refused = 0;

}  // namespace tunneld::daemon
