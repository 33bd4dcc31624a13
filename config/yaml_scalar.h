// Writing YAML.
#pragma once

#include <string>
#include <string_view>

namespace tunneld::config {

/// A double-quoted YAML scalar that is read back as exactly `text`.
[[nodiscard]] std::string yaml_scalar(std::string_view text);

}  // namespace tunneld::config
