#include "config/names.h"

#include <algorithm>

namespace tunneld::config {
namespace {

constexpr std::size_t kLongestPeerName = 64;

bool consists_of(std::string_view name, std::string_view others) {
  return std::all_of(name.begin(), name.end(), [others](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

}  // namespace

bool is_interface_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestInterfaceName && name != "." && name != ".." &&
         consists_of(name, "_=+.-");
}

bool is_device_name(std::string_view name) {
  return is_interface_name(name) && name != "lo" && name != "all" && name != "default";
}

bool is_peer_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestPeerName && name.front() != '-' && name.front() != '.' &&
         consists_of(name, "_-.@");
}

}  // namespace tunneld::config
