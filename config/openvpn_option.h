// What a line of an OpenVPN profile becomes in a configuration of tunneld (docs/from_openvpn.md has the whole list).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tunneld::config {

/// `words`: the directive and what stands behind it; `is_pushed`: within `push "…"`. The option in quotes, with what
/// else is to be known; "" if there is none, or if a value is not of its type. Nothing else of the line is repeated.
[[nodiscard]] std::string openvpn_option(const std::vector<std::string_view>& words, bool is_pushed);

}  // namespace tunneld::config
