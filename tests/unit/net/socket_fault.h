// A fault for the whole test program: the wrapper of socket() stands in udp_socket_test.cc.
#pragma once

namespace tunneld::net {

/// What socket() fails with, as errno; 0: it does not. A limit on descriptors would do, but UBSan needs some
/// to look at an exception that is thrown meanwhile.
inline int socket_fault = 0;

}  // namespace tunneld::net
