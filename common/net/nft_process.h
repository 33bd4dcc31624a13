// libnftables in a process of its own.
//
// The library ends the process that it runs in (exit(1), an assertion, a null pointer) where one message to
// or from the kernel fails, and waits without limit for an answer that does not come. So each call runs in a
// child that is this very program, begun anew: a copy of a process with threads may do nothing but that. The
// child knows its task before main() does, by the name that it is called with.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tunneld::net {

struct NftReport {
  enum class End : std::uint8_t {
    kDone,     ///< `text` is what the commands print
    kRefused,  ///< nothing has changed, and `text` says why
    kUnknown,  ///< the child ended early, or was too slow: all has been done or nothing; `text` says how
  };
  End end = End::kUnknown;
  std::string text;
};

inline constexpr std::chrono::milliseconds kNftPatience{10'000};

/// `flags`: NFT_CTX_OUTPUT_*. After `patience` the child is killed. Throws std::system_error where no child
/// can be made. For the main thread: the child does not outlive the thread that has made it.
[[nodiscard]] NftReport run_nft_process(const std::string& commands, unsigned flags,
                                        std::chrono::milliseconds patience = kNftPatience);

}  // namespace tunneld::net
