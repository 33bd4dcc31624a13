// The messages on the wire (whitepaper section 5.4), as structs of bytes.
//
// Byte arrays with accessors have no padding and no alignment, so a message is copied in and out as a whole
// by memcpy.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <type_traits>

#include "common/bytes.h"

namespace tunneld::protocol {

enum class MessageType : std::uint8_t {
  kInvalid = 0,
  kInitiation = 1,
  kResponse = 2,
  kCookie = 3,
  kData = 4,
  kFastData =
      5,  ///< data sealed with AES-256-GCM, between two tunnelds that agreed on it (docs/extension.md)
};

/// Type byte and three reserved zero bytes, then fields; integers little-endian.
template <std::size_t N>
using Field = std::array<std::uint8_t, N>;

template <typename Message>
[[nodiscard]] Message message_from(ByteView bytes) {
  static_assert(std::is_trivially_copyable_v<Message> && alignof(Message) == 1);
  Message message;
  std::memcpy(&message, bytes.data(), sizeof message);
  return message;
}

struct InitiationMessage {
  Field<4> type{1, 0, 0, 0};
  Field<4> sender_index;
  Field<32> ephemeral;
  Field<48> sealed_static;
  Field<28> sealed_timestamp;
  Field<16> mac1;
  Field<16> mac2;

  [[nodiscard]] std::uint32_t sender() const { return load_le<std::uint32_t>(sender_index.data()); }
  [[nodiscard]] static InitiationMessage from(ByteView bytes) {
    return message_from<InitiationMessage>(bytes);
  }
};
static_assert(sizeof(InitiationMessage) == 148 && offsetof(InitiationMessage, mac1) == 116);

struct ResponseMessage {
  Field<4> type{2, 0, 0, 0};
  Field<4> sender_index;
  Field<4> receiver_index;
  Field<32> ephemeral;
  Field<16> sealed_empty;
  Field<16> mac1;
  Field<16> mac2;

  [[nodiscard]] std::uint32_t sender() const { return load_le<std::uint32_t>(sender_index.data()); }
  [[nodiscard]] std::uint32_t receiver() const { return load_le<std::uint32_t>(receiver_index.data()); }
  [[nodiscard]] static ResponseMessage from(ByteView bytes) { return message_from<ResponseMessage>(bytes); }
};
static_assert(sizeof(ResponseMessage) == 92 && offsetof(ResponseMessage, mac1) == 60);

struct CookieMessage {
  Field<4> type{3, 0, 0, 0};
  Field<4> receiver_index;
  Field<24> nonce;
  Field<32> sealed_cookie;

  [[nodiscard]] std::uint32_t receiver() const { return load_le<std::uint32_t>(receiver_index.data()); }
  [[nodiscard]] static CookieMessage from(ByteView bytes) { return message_from<CookieMessage>(bytes); }
};
static_assert(sizeof(CookieMessage) == 64);

struct DataHeader {
  Field<4> type{4, 0, 0, 0};
  Field<4> receiver_index;
  Field<8> counter_bytes;

  [[nodiscard]] static DataHeader make(MessageType type, std::uint32_t receiver, std::uint64_t counter) {
    DataHeader header;
    header.type = {static_cast<std::uint8_t>(type), 0, 0, 0};
    store_le(header.receiver_index.data(), receiver);
    store_le(header.counter_bytes.data(), counter);
    return header;
  }
  [[nodiscard]] std::uint32_t receiver() const { return load_le<std::uint32_t>(receiver_index.data()); }
  [[nodiscard]] std::uint64_t counter() const { return load_le<std::uint64_t>(counter_bytes.data()); }
  [[nodiscard]] static DataHeader from(ByteView bytes) { return message_from<DataHeader>(bytes); }
};
static_assert(sizeof(DataHeader) == 16);

/// The part of an initiation that has to be quoted to identify it: type and sender index.
inline constexpr std::size_t kQuotedInitiation = offsetof(InitiationMessage, ephemeral);

/// The sender index of an initiation of which only the beginning is known; nullopt if it is not an initiation
/// or too short.
[[nodiscard]] inline std::optional<std::uint32_t> quoted_initiation(ByteView beginning) {
  if (beginning.size() < kQuotedInitiation || load_le<std::uint32_t>(beginning.data()) != 1)
    return std::nullopt;
  return load_le<std::uint32_t>(beginning.data() + offsetof(InitiationMessage, sender_index));
}

/// The shortest data message, the keepalive: header and tag.
inline constexpr std::size_t kMinDataMessage = 32;

/// The type of a datagram by its type byte, reserved bytes and length; kInvalid for anything else.
[[nodiscard]] inline MessageType classify(ByteView datagram) {
  if (datagram.size() < kMinDataMessage) return MessageType::kInvalid;
  switch (load_le<std::uint32_t>(datagram.data())) {  // the reserved bytes must be zero
    case 1:
      return datagram.size() == sizeof(InitiationMessage) ? MessageType::kInitiation : MessageType::kInvalid;
    case 2:
      return datagram.size() == sizeof(ResponseMessage) ? MessageType::kResponse : MessageType::kInvalid;
    case 3:
      return datagram.size() == sizeof(CookieMessage) ? MessageType::kCookie : MessageType::kInvalid;
    case 4:
      return MessageType::kData;
    case 5:
      return MessageType::kFastData;
    default:
      return MessageType::kInvalid;
  }
}

template <typename Message>
[[nodiscard]] ByteView as_bytes(const Message& message) {
  static_assert(std::is_trivially_copyable_v<Message> && alignof(Message) == 1);
  return {message.type.data(), sizeof message};  // the type field is the first byte
}

}  // namespace tunneld::protocol
