// `workers:`: how many threads move packets.

#include "config/sections.h"

namespace tunneld::config {

std::optional<unsigned> read_workers(const Node& node) {
  // Each worker has a queue of the device, and the kernel gives a tun device no more than that
  // (MAX_TAP_QUEUES).
  constexpr std::uint64_t kMostQueues = 256;
  if (node.is("auto")) return std::nullopt;
  const auto workers = node.number(1, kMostQueues, "auto or a number from 1 to 256");
  if (!workers) return std::nullopt;
  return static_cast<unsigned>(*workers);
}

}  // namespace tunneld::config
