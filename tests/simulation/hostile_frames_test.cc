// Control frames of an authenticated but malicious peer: truncated at every byte, too long, with duplicate
// keys, wrong types, nested. Each type of frame is tried in a live session; none changes anything.

#include "common/json.h"
#include "common/protocol/control_frame.h"
#include "common/protocol/data_message.h"
#include "tests/simulation/simulated_network.h"

namespace tunneld::simulation {
namespace {

using protocol::FrameType;
using Bytes = std::vector<std::uint8_t>;

/// A valid frame of each type.
const std::map<FrameType, Json> kGood = {
    {FrameType::kHello,
     {{"answer", false},
      {"version", 1},
      {"instance", 7},
      {"ciphers", Json::array({"aes-256-gcm"})},
      {"config", true},
      {"tap", true},
      {"lanes", 9},
      {"probe", true}}},
    {FrameType::kConfigRequest, Json::object()},
    {FrameType::kConfig, {{"serial", 1}, {"addresses", Json::array({"10.0.0.9"})}, {"mtu", 1300}}},
    {FrameType::kConfigAck, {{"serial", 1}}},
    {FrameType::kProbe, {{"id", 1}}},
    {FrameType::kProbeAck, {{"id", 1}}},
    {FrameType::kBye, Json::object()},
    {FrameType::kLane, {{"lane", 2}}},
    {FrameType::kLaneAck, {{"lane", 2}}},
    {FrameType::kAccepts, {{"networks", Json::array({"10.0.0.1/32"})}, {"more", true}}},
};

Bytes frame(FrameType type, const Bytes& body, std::optional<std::size_t> length = std::nullopt) {
  Bytes bytes{protocol::kFrameFirstByte, static_cast<std::uint8_t>(type), 0, 0};
  store_le(&bytes[2], static_cast<std::uint16_t>(length.value_or(body.size())));
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

/// `object` with one key given twice: Json cannot hold that.
Bytes with_a_key_twice(const Json& object) {
  Bytes once = object.to_cbor();
  const std::string name = object.empty() ? "x" : object.items().begin()->first;
  const Bytes member = Json{{name, object.empty() ? Json(1) : object.items().begin()->second}}.to_cbor();
  for (int i = object.empty() ? 0 : 1; i < 2; ++i) {
    ++once[0];  // a map of so many members
    once.insert(once.end(), member.begin() + 1, member.end());
  }
  return once;
}

/// Bytes that a receiver must not accept as a frame of this type.
std::vector<Bytes> malformed(FrameType type, const Json& good) {
  const Bytes body = good.to_cbor();
  std::vector<Bytes> frames;
  for (std::size_t size = 0; size < body.size(); ++size) {
    const Bytes part(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(size));
    frames.push_back(frame(type, part));
    frames.push_back(frame(type, part, body.size()));
  }
  Bytes more = body;
  more.push_back(0);
  frames.push_back(frame(type, more));
  Json large = good;
  large["padding"] = std::string(protocol::kMaxControlFrame, 'x');
  frames.push_back(frame(type, large.to_cbor()));
  frames.push_back(frame(type, with_a_key_twice(good)));
  Json deep = good;
  Json* at = &deep["x"];
  for (int i = 0; i < 9; ++i) at = &(*at = Json::object())["x"];
  frames.push_back(frame(type, deep.to_cbor()));
  for (const Json& other : {Json(nullptr), Json(1), Json("text"), Json::array({good})})
    frames.push_back(frame(type, other.to_cbor()));
  return frames;
}

bool are_of_one_type(const Json& a, const Json& b) {
  return a.is_number_unsigned() == b.is_number_unsigned() && a.is_number() == b.is_number() &&
         a.is_string() == b.is_string() && a.is_boolean() == b.is_boolean() && a.is_array() == b.is_array() &&
         a.is_object() == b.is_object();
}

/// Each known key with values of other types.
std::vector<Bytes> of_wrong_types(FrameType type, const Json& good) {
  std::vector<Bytes> frames;
  for (const auto& [key, value] : good.items()) {
    for (const Json& other :
         {Json(nullptr), Json(-1), Json(1.5), Json("text"), Json::object(), Json::array({1})}) {
      if (are_of_one_type(other, value)) continue;
      Json wrong = good;
      wrong[key] = other;
      frames.push_back(frame(type, wrong.to_cbor()));
    }
  }
  return frames;
}

struct HostilePair {
  HostilePair()
      : network(1),
        a(network, "192.0.2.1:1111", "10.0.0.1", options()),
        b(network, "192.0.2.2:2222", "10.0.0.2", options()) {
    b_at_a = a.add_peer(b, true);
    a_at_b = b.add_peer(a, false);
    a.send(b, 1);
    network.run_for(10s);
  }
  static protocol::TunnelOptions options() {
    protocol::TunnelOptions options = kWireGuardCipher;
    options.capabilities = {.config = true, .tap = false, .lanes = 4, .probe = true};
    return options;
  }

  /// Seals any bytes as data of the session.
  void say(const Bytes& plain) {
    protocol::Keypair* keypair = a.tunnel->peer(b_at_a).link().sending.load();
    ASSERT_NE(keypair, nullptr);
    const auto counter = keypair->take_counters(1);
    const auto header = protocol::DataHeader::make(MessageType::kData, keypair->remote_index, *counter);
    Bytes datagram(sizeof header + plain.size() + 16);
    std::memcpy(datagram.data(), &header, sizeof header);
    std::copy(plain.begin(), plain.end(), datagram.begin() + sizeof header);
    crypto::AeadJob job{.data = datagram.data() + sizeof header, .length = plain.size(), .counter = *counter};
    keypair->chacha_send().seal(std::span(&job, 1));
    b.receive(datagram, endpoint(a.outside));
    b.turn();
    network.run_for(25ms);  // within the budget for frames
  }

  /// All state at `b` that frames can change, as text.
  std::string state() {
    const protocol::PeerStatus status = b.tunnel->peer(a_at_b).status(network.now().boot);
    return Json{{"live", status.session_live},
                {"pending", status.handshake_pending},
                {"lanes", status.lanes},
                {"endpoint", status.endpoint ? status.endpoint->remote.to_string() : ""},
                {"path", status.path ? status.path->mtu : 0},
                {"instance", status.remote ? status.remote->instance : 0},
                {"tap", status.remote && status.remote->capabilities.tap},
                {"its lanes", status.remote ? status.remote->capabilities.lanes : 0},
                {"handshakes", network.handshakes},
                {"events", b.events.size()}}
        .dump();
  }

  Network network;
  Node a, b;
  protocol::PeerId b_at_a{}, a_at_b{};
};

TEST(HostileFrames, MalformedOnesOfEveryTypeChangeNothing) {
  HostilePair pair;
  const std::string before = pair.state();
  ASSERT_NE(before.find("\"live\":true"), std::string::npos) << before;
  const std::size_t frames = pair.b.frames.size();
  for (const auto& [type, good] : kGood) {
    for (const Bytes& bytes : malformed(type, good)) {
      pair.say(bytes);
      ASSERT_EQ(pair.state(), before)
          << "type " << static_cast<int>(type) << ", " << bytes.size() << " bytes";
    }
  }
  EXPECT_EQ(pair.b.frames.size(), frames) << "nor is one handed on to the daemon";
  pair.a.send(pair.b, 2);
  pair.network.run_for(1s);
  EXPECT_EQ(pair.b.delivered.back(), 2U);
  EXPECT_EQ(pair.network.violation, "");
}

TEST(HostileFrames, WrongTypesOfEveryKeyChangeNothing) {
  HostilePair pair;
  const std::string before = pair.state();
  for (const auto& [type, good] : kGood) {
    for (const Bytes& bytes : of_wrong_types(type, good)) {
      pair.say(bytes);
      ASSERT_EQ(pair.state(), before) << "type " << static_cast<int>(type);
    }
  }
  for (const unsigned lane : {0U, 15U, 256U}) {
    for (const FrameType type : {FrameType::kLane, FrameType::kLaneAck}) {
      pair.say(frame(type, Json{{"lane", lane}}.to_cbor()));
      ASSERT_EQ(pair.state(), before) << "lane " << lane;
    }
  }
  // A valid frame has its effect: the test would see a change.
  pair.say(frame(FrameType::kHello, kGood.at(FrameType::kHello).to_cbor()));
  EXPECT_NE(pair.state(), before);
}

}  // namespace
}  // namespace tunneld::simulation
