#include "common/protocol/control_frame.h"

#include <algorithm>

#include "common/protocol/constants.h"

namespace tunneld::protocol {
namespace {

/// High nibble 0: no IP version. Low nibble: the version of this format.
constexpr std::uint8_t kFirstByte = 0x01;
constexpr std::size_t kHeader = 4;

}  // namespace

std::vector<std::uint8_t> encode(const ControlFrame& frame) {
  const std::vector<std::uint8_t> body = nlohmann::json::to_cbor(frame.body);
  std::vector<std::uint8_t> bytes(kHeader + body.size());
  bytes[0] = kFirstByte;
  bytes[1] = static_cast<std::uint8_t>(frame.type);
  store_le(&bytes[2], static_cast<std::uint16_t>(body.size()));
  std::copy(body.begin(), body.end(), bytes.begin() + kHeader);
  return bytes;
}

std::optional<ControlFrame> decode_control_frame(ByteView plain) {
  if (plain.size() < kHeader || plain.size() > kMaxControlFrame || plain[0] != kFirstByte)
    return std::nullopt;
  if (plain[1] != static_cast<std::uint8_t>(FrameType::kHello)) return std::nullopt;
  const std::size_t length = load_le<std::uint16_t>(&plain[2]);
  if (length > plain.size() - kHeader) return std::nullopt;
  const ByteView body = plain.subspan(kHeader, length);
  // 1,200 bytes cannot nest deep enough to trouble the parser's stack. Told not to throw, it still does for
  // an object or array that announces more members than memory could hold.
  try {
    nlohmann::json json = nlohmann::json::from_cbor(body.begin(), body.end(), true, false);
    if (!json.is_object()) return std::nullopt;
    return ControlFrame{FrameType::kHello, std::move(json)};
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

ControlFrame Hello::to_frame() const {
  nlohmann::json ciphers = nlohmann::json::array();
  if (opens_fast_data) ciphers.push_back("aes-256-gcm");
  return {FrameType::kHello, {{"answer", is_answer}, {"ciphers", std::move(ciphers)}}};
}

std::optional<Hello> Hello::from(const ControlFrame& frame) {
  if (frame.type != FrameType::kHello) return std::nullopt;
  Hello hello;
  const auto answer = frame.body.find("answer");
  if (answer == frame.body.end() || !answer->is_boolean()) return std::nullopt;
  hello.is_answer = answer->get<bool>();
  const auto ciphers = frame.body.find("ciphers");
  if (ciphers == frame.body.end() || !ciphers->is_array()) return std::nullopt;
  for (const nlohmann::json& cipher : *ciphers) {
    if (cipher == "aes-256-gcm") hello.opens_fast_data = true;
  }
  return hello;
}

}  // namespace tunneld::protocol
