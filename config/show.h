// The effective configuration as YAML: every default written out, secrets represented by their files' names.
#pragma once

#include <string>

#include "config/config.h"

namespace tunneld::config {

/// Parses back to a Config equal to `config`. File names are absolute, so that the text means the same
/// everywhere.
[[nodiscard]] std::string show(const Config& config);

}  // namespace tunneld::config
