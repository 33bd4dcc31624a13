#pragma once

namespace tunneld::daemon {

/// While not zero, opening a file or a directory by the C++ library fails with this errno
/// (open_fault.cc stands in front of libc). A limit on descriptors would do, but sanitizers need some
/// themselves.
inline int open_fault = 0;

}  // namespace tunneld::daemon
