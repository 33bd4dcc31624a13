#include "common/protocol/control_frame.h"

#include <algorithm>
#include <utility>

#include "common/json.h"
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
    case FrameType::kAccepts:
      return true;
    case FrameType::kEthernet:
      break;
  }
  return false;
}

}  // namespace

std::optional<std::vector<std::uint8_t>> encode(const ControlFrame& frame) {
  const std::vector<std::uint8_t> body = frame.body.to_cbor();
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
  auto json = Json::from_cbor(body, kDeepestNesting);
  if (!json || !json->is_object()) return std::nullopt;
  std::optional<ControlFrame> frame(std::in_place);
  frame->type = header->type;
  frame->body = std::move(*json);
  return frame;
}

}  // namespace tunneld::protocol
