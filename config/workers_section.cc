// `workers:`: how many threads move packets.

#include "config/sections.h"

namespace tunneld::config {

std::optional<unsigned> read_workers(const Node& node) {
  if (node.is("auto")) return std::nullopt;
  const auto workers = node.number(1, kMostQueues, "auto or a number from 1 to 256");
  if (!workers) return std::nullopt;
  return static_cast<unsigned>(*workers);
}

}  // namespace tunneld::config
