#include "common/protocol/control_frame.h"

#include <algorithm>
#include <set>
#include <string>

#include "common/protocol/constants.h"

namespace tunneld::protocol {
namespace {

constexpr std::size_t kDeepestNesting = 8;

bool has_cbor_body(FrameType type) {
  switch (type) {
    case FrameType::kHello:
    case FrameType::kConfigRequest:
    case FrameType::kConfig:
    case FrameType::kConfigAck:
    case FrameType::kProbe:
    case FrameType::kProbeAck:
    case FrameType::kBye:
    case FrameType::kLane:
    case FrameType::kLaneAck:
      return true;
    case FrameType::kEthernet:
      break;
  }
  return false;
}

/// Goes over a body before a tree is made of it, and stops at what a tree would hide: of a key given twice it
/// keeps the last without a word.
class Strictness : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return open(); }
  bool key(string_t& name) override { return keys_.back().insert(name).second; }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  bool open() {
    keys_.emplace_back();
    return keys_.size() <= kDeepestNesting;
  }
  bool close() {
    keys_.pop_back();
    return true;
  }
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

std::optional<std::vector<std::uint8_t>> encode(const ControlFrame& frame) {
  const std::vector<std::uint8_t> body = nlohmann::json::to_cbor(frame.body);
  if (body.size() > kMaxControlFrame - kFrameHeader) return std::nullopt;
  std::vector<std::uint8_t> bytes(kFrameHeader + body.size());
  bytes[0] = kFrameFirstByte;
  bytes[1] = static_cast<std::uint8_t>(frame.type);
  store_le(&bytes[2], static_cast<std::uint16_t>(body.size()));
  std::copy(body.begin(), body.end(), bytes.begin() + kFrameHeader);
  return bytes;
}

std::optional<ControlFrame> decode_control_frame(ByteView plain) {
  const auto header = FrameHeader::parse(plain);
  if (!header || !has_cbor_body(header->type) || header->length > kMaxControlFrame - kFrameHeader)
    return std::nullopt;
  const ByteView body = plain.subspan(kFrameHeader, header->length);
  // Told not to throw, the parser still does for an object or array that announces more members than memory
  // could hold.
  try {
    Strictness strictness;
    if (!nlohmann::json::sax_parse(body.begin(), body.end(), &strictness,
                                   nlohmann::json::input_format_t::cbor))
      return std::nullopt;
    nlohmann::json json = nlohmann::json::from_cbor(body.begin(), body.end(), true, false);
    if (!json.is_object()) return std::nullopt;
    return ControlFrame{header->type, std::move(json)};
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace tunneld::protocol
