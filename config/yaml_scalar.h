// Writing YAML.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tunneld::config {

/// A double-quoted YAML scalar that is read back as exactly `text`.
[[nodiscard]] std::string yaml_scalar(std::string_view text);

/// The value of a key whose value is this list, as it stands behind the colon: " [a, b]", or one item a line
/// where it would be longer than a line may be. Not for use inside of brackets.
[[nodiscard]] std::string yaml_list(const std::vector<std::string>& items);

}  // namespace tunneld::config
