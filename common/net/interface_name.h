// Interfaces by name and by index. The C library's functions need a descriptor and do not distinguish "no
// such interface" from "could not ask". Confusing the two would leave behind changes that should be undone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tunneld::net {

/// The index of the interface; nullopt if there is none of that name. Throws NetlinkError if the kernel
/// cannot be asked, for example because no descriptor is left.
[[nodiscard]] std::optional<std::uint32_t> interface_index(const std::string& name);

/// Whether there is an interface with that index. Throws as above.
[[nodiscard]] bool is_interface(std::uint32_t index);

}  // namespace tunneld::net
