// libnftables in a process of its own.
//
// When a message to or from the kernel fails, the library ends the process that it runs in (exit(1), an
// assertion, a null pointer), and it waits for an answer without limit. So each call runs in a child process.
// The child executes this program again, because after a fork of a process with threads nothing else is safe.
// The child recognises its task before main() by the name that it is called with.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/net/file_descriptor.h"

namespace tunneld::net {

struct NftReport {
  enum class End : std::uint8_t {
    kDone,     ///< `text` is the output of the commands
    kRefused,  ///< nothing has changed, and `text` says why
    kUnknown,  ///< the child ended early or was too slow (`text` says which); all was done or nothing
  };
  End end = End::kUnknown;
  std::string text;
  /// With kKept: what the commands were given to the kernel by. Not open where they were not done.
  FileDescriptor socket{};
};

/// kKept: tables with `flags owner` stay until the socket is closed.
enum class NftSocket : std::uint8_t { kClosed, kKept };

inline constexpr std::chrono::milliseconds kNftPatience{10'000};

/// `flags`: NFT_CTX_OUTPUT_*. After `patience` the child is killed. Throws std::system_error if no child can
/// be made. Call it from the main thread: the child dies with the thread that made it.
[[nodiscard]] NftReport run_nft_process(const std::string& commands, unsigned flags,
                                        std::chrono::milliseconds patience = kNftPatience,
                                        NftSocket socket = NftSocket::kClosed);

}  // namespace tunneld::net
