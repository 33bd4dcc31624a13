// A JSON schema (draft 2020-12) of the configuration file, made from the table of options: editors complete
// keys and mark mistakes with it.
//
// A schema sees one value at a time. It refuses nothing that parse_file() accepts, and less than that refuses:
// what depends on other options or on the host, duplicate keys, and the form of most texts.
#pragma once

#include "common/json.h"

namespace tunneld::config {

[[nodiscard]] Json json_schema();

}  // namespace tunneld::config
