#include "common/protocol/hello.h"

#include <limits>

#include "common/json.h"

namespace tunneld::protocol {
namespace {

constexpr std::string_view kAes256Gcm = "aes-256-gcm";
constexpr std::uint64_t kMostLanesOffered = 256;

/// Reads `key` into `value`; returns false if it has another type. A missing key leaves `value` unchanged.
bool take(const Json& body, const char* key, bool& value) {
  const auto found = body.find(key);
  if (found == nullptr) return true;
  if (!found->is_boolean()) return false;
  value = found->get<bool>();
  return true;
}

template <typename Number>
bool take(const Json& body, const char* key, std::uint64_t lowest, std::uint64_t highest, Number& value) {
  const auto found = body.find(key);
  if (found == nullptr) return true;
  if (!found->is_number_unsigned()) return false;
  const auto number = found->get<std::uint64_t>();
  if (number < lowest || number > highest) return false;
  value = static_cast<Number>(number);
  return true;
}

}  // namespace

ControlFrame Hello::to_frame() const {
  Json ciphers = Json::array();
  if (opens_fast_data) ciphers.push_back(kAes256Gcm);
  Json body{
      {"answer", is_answer}, {"version", version}, {"instance", instance}, {"ciphers", std::move(ciphers)}};
  if (capabilities.config) body["config"] = true;
  if (capabilities.tap) body["tap"] = true;
  if (capabilities.lanes > 1) body["lanes"] = capabilities.lanes;
  if (capabilities.probe) body["probe"] = true;
  return {FrameType::kHello, std::move(body)};
}

std::optional<Hello> Hello::from(const ControlFrame& frame) {
  if (frame.type != FrameType::kHello) return std::nullopt;
  const Json& body = frame.body;
  for (const char* needed : {"answer", "version", "instance", "ciphers"}) {
    if (!body.contains(needed)) return std::nullopt;
  }
  Hello hello;
  Capabilities& can = hello.capabilities;
  constexpr auto kAny = std::numeric_limits<std::uint64_t>::max();
  const bool fits = take(body, "answer", hello.is_answer) &&
                    take(body, "version", 1, std::numeric_limits<unsigned>::max(), hello.version) &&
                    take(body, "instance", 0, kAny, hello.instance) && take(body, "config", can.config) &&
                    take(body, "tap", can.tap) && take(body, "lanes", 1, kMostLanesOffered, can.lanes) &&
                    take(body, "probe", can.probe);
  if (!fits || !body.at("ciphers").is_array()) return std::nullopt;
  for (const Json& cipher : body.at("ciphers")) {
    if (!cipher.is_string()) return std::nullopt;
    if (cipher.get_ref<std::string>() == kAes256Gcm) hello.opens_fast_data = true;
  }
  return hello;
}

}  // namespace tunneld::protocol
