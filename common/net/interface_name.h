// Interfaces by name and by number. The C library's functions do not tell "there is none" from "I could not
// ask", which needs a descriptor: who takes one for the other leaves behind what it should have undone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tunneld::net {

/// The number of the interface; nullopt: there is none of that name. Throws NetlinkError where it cannot be
/// asked, no descriptor being left, for example.
[[nodiscard]] std::optional<std::uint32_t> interface_index(const std::string& name);

/// Whether there is an interface of that number. Throws as above.
[[nodiscard]] bool is_interface(std::uint32_t index);

}  // namespace tunneld::net
