// Users and groups of the host, by name or number.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "config/node.h"

namespace tunneld::config {

inline constexpr std::string_view kUserValues = "the name of a user or its number";
inline constexpr std::string_view kGroupValues = "the name of a group or its number";

/// The number. nullopt after an error at the node: there is no such account, or the host's user database cannot
/// be asked.
[[nodiscard]] std::optional<std::uint32_t> read_user(const Node& node);
[[nodiscard]] std::optional<std::uint32_t> read_group(const Node& node);

}  // namespace tunneld::config
