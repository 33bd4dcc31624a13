// A number and what it counts, for people: "1 peer", "2 peers".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tunneld {

/// `noun` in the singular; its plural ends in s.
[[nodiscard]] inline std::string counted(std::uint64_t number, std::string_view noun) {
  return std::to_string(number).append(" ").append(noun).append(number == 1 ? "" : "s");
}

}  // namespace tunneld
