// The published vector of Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (the snow project's collection), run as both
// sides, and again from the file where it is at hand.
#include "common/protocol/noise_symmetric_state.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "common/crypto/keys.h"
#include "common/json.h"

namespace tunneld::protocol {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes hex(const std::string& text) {
  Bytes bytes(text.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(std::stoul(text.substr(2 * i, 2), nullptr, 16));
  }
  return bytes;
}

ByteView bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

crypto::PrivateKey private_key(const std::string& text) {
  const Bytes bytes = hex(text);
  return crypto::PrivateKey::from_bytes(std::span<const std::uint8_t, 32>(bytes.data(), 32));
}

void mix_dh(NoiseSymmetricState& state, const crypto::PrivateKey& ours, const crypto::PublicKey& theirs) {
  const auto shared = ours.agree(theirs);
  ASSERT_TRUE(shared.has_value());
  state.mix_key(shared->view());
}

Bytes seal(NoiseSymmetricState& state, ByteView plain) {
  Bytes out(plain.size() + 16);
  state.encrypt_and_hash(out, plain);
  return out;
}

void append(Bytes& to, ByteView more) {
  to.insert(to.end(), more.begin(), more.end());
}

/// Runs a vector of the pattern IK or IKpsk2: every message, both transport directions.
void run_vector(const Json& vector) {
  const bool psk = vector.contains("init_psks");
  const auto text = [&](const char* key) { return vector.at(key).get<std::string>(); };
  const auto message = [&](std::size_t i) {
    return hex(vector.at("messages").at(i).at("ciphertext").get<std::string>());
  };
  const auto payload = [&](std::size_t i) {
    return hex(vector.at("messages").at(i).at("payload").get<std::string>());
  };

  const crypto::PrivateKey is = private_key(text("init_static"));
  const crypto::PrivateKey ie = private_key(text("init_ephemeral"));
  const crypto::PrivateKey rs = private_key(text("resp_static"));
  const crypto::PrivateKey re = private_key(text("resp_ephemeral"));
  const crypto::PublicKey rs_public = rs.public_key();
  ASSERT_EQ(Bytes(rs_public.view().begin(), rs_public.view().end()), hex(text("init_remote_static")));

  const auto begin = [&] {
    NoiseSymmetricState state(bytes_of(text("protocol_name")));
    state.mix_hash(hex(text("init_prologue")));
    state.mix_hash(rs.public_key().view());
    return state;
  };

  // -> e, es, s, ss
  NoiseSymmetricState initiator = begin();
  Bytes first;
  append(first, ie.public_key().view());
  initiator.mix_hash(ie.public_key().view());
  if (psk) initiator.mix_key(ie.public_key().view());
  mix_dh(initiator, ie, rs.public_key());
  append(first, seal(initiator, is.public_key().view()));
  mix_dh(initiator, is, rs.public_key());
  append(first, seal(initiator, payload(0)));
  EXPECT_EQ(first, message(0));

  // The responder reads it.
  NoiseSymmetricState responder = begin();
  const crypto::PublicKey ie_public(std::span<const std::uint8_t, 32>(first.data(), 32));
  responder.mix_hash(ie_public.view());
  if (psk) responder.mix_key(ie_public.view());
  mix_dh(responder, rs, ie_public);
  std::array<std::uint8_t, 32> static_key{};
  ASSERT_EQ(responder.decrypt_and_hash(static_key, ByteView(first).subspan(32, 48)),
            crypto::Verdict::kAuthentic);
  EXPECT_EQ(crypto::PublicKey(static_key), is.public_key());
  mix_dh(responder, rs, crypto::PublicKey(static_key));
  Bytes plain(first.size() - 96);
  ASSERT_EQ(responder.decrypt_and_hash(plain, ByteView(first).subspan(80)), crypto::Verdict::kAuthentic);
  EXPECT_EQ(plain, payload(0));

  // <- e, ee, se, psk
  Bytes second;
  append(second, re.public_key().view());
  responder.mix_hash(re.public_key().view());
  if (psk) responder.mix_key(re.public_key().view());
  mix_dh(responder, re, ie_public);
  mix_dh(responder, re, is.public_key());
  if (psk) responder.mix_key_and_hash(hex(vector.at("resp_psks").at(0).get<std::string>()));
  append(second, seal(responder, payload(1)));
  EXPECT_EQ(second, message(1));

  initiator.mix_hash(re.public_key().view());
  if (psk) initiator.mix_key(re.public_key().view());
  mix_dh(initiator, ie, re.public_key());
  mix_dh(initiator, is, re.public_key());
  if (psk) initiator.mix_key_and_hash(hex(vector.at("init_psks").at(0).get<std::string>()));
  plain.resize(second.size() - 48);
  ASSERT_EQ(initiator.decrypt_and_hash(plain, ByteView(second).subspan(32)), crypto::Verdict::kAuthentic);
  EXPECT_EQ(plain, payload(1));

  const Bytes expected_hash = hex(text("handshake_hash"));
  EXPECT_EQ(Bytes(initiator.hash().begin(), initiator.hash().end()), expected_hash);
  EXPECT_EQ(initiator.hash(), responder.hash());

  // Transport messages alternate, the initiator first.
  const crypto::TwoKeys keys = initiator.split();
  for (std::size_t i = 2; i < vector.at("messages").size(); ++i) {
    const Bytes sent = payload(i);
    Bytes sealed(sent.size() + 16);
    crypto::seal(sealed, sent, {}, i % 2 == 0 ? keys.first : keys.second, (i - 2) / 2);
    EXPECT_EQ(sealed, message(i)) << "message " << i;
  }
}

const char* const kVector = R"({
 "protocol_name": "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s",
 "init_prologue": "4a6f686e2047616c74",
 "init_psks": ["54686973206973206d7920417573747269616e20706572737065637469766521"],
 "init_static": "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
 "init_ephemeral": "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
 "init_remote_static": "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62",
 "resp_psks": ["54686973206973206d7920417573747269616e20706572737065637469766521"],
 "resp_static": "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
 "resp_ephemeral": "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
 "handshake_hash": "f5191b875290abcd41347ac3622d9679688a7e980229cb937ef748336cfde0e5",
 "messages": [
  {"payload": "4c756477696720766f6e204d69736573",
   "ciphertext": "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944001e21de9f98ddd8e2ad57527207feb56253c9c94a9e496782ecfcb2a75fbcaf1b52948cc48daefe660c62119ab5000980c84831215f2441eba616548e832985464cf17e51ee93109008399a21f7e13f"},
  {"payload": "4d757272617920526f746862617264",
   "ciphertext": "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843cb765f2caef0751b8f007572dab0322217755c0632f365717edbf34d33e87a"},
  {"payload": "462e20412e20486179656b", "ciphertext": "8153ca9833bc3c1b91a7e66e5f4d4f5b59bf9e64c2f20d15f0bba7"},
  {"payload": "4361726c204d656e676572", "ciphertext": "07af0c9c86e1b4e80f36b04ff7688d51141af3debd0332f0a705ef"},
  {"payload": "4a65616e2d426170746973746520536179",
   "ciphertext": "6ab1467c0448cc78394494abaaf23afce0e234315d6e2624dcbfa8a21c1c4d073d"},
  {"payload": "457567656e2042f6686d20766f6e2042617765726b",
   "ciphertext": "dfc346c0d2296ae6cf1acf6f12b8456a1dba228cf8d8b774aacf1c47fc53aa80ebc7a4c292"}
 ]})";

TEST(NoiseSymmetricState, RunsThePublishedIkpsk2Vector) {
  crypto::init();
  run_vector(Json::parse(kVector).value());
}

TEST(NoiseSymmetricState, RunsAllVectorsOfTheFile) {
  crypto::init();
  const char* named = std::getenv("TUNNELD_VECTORS");
  const std::filesystem::path folder = named != nullptr ? named : TUNNELD_SOURCE_DIR "/../shared/vectors";
  const std::filesystem::path path = folder / "noise_ik_blake2s.json";
  if (!std::filesystem::exists(path))
    GTEST_SKIP() << "no vector file at " << path << " (TUNNELD_VECTORS names its folder)";
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  const Json vectors = Json::parse(text.str()).value().at("vectors");
  ASSERT_GE(vectors.size(), 2U);
  for (const Json& vector : vectors) {
    SCOPED_TRACE(vector.at("protocol_name").get<std::string>());
    run_vector(vector);
  }
}

TEST(NoiseSymmetricState, AForgedFieldLeavesTheStateAsItWas) {
  crypto::init();
  NoiseSymmetricState sender(bytes_of("name"));
  NoiseSymmetricState receiver(bytes_of("name"));
  const Bytes secret(32, 7);
  sender.mix_key(secret);
  receiver.mix_key(secret);
  const Bytes genuine = seal(sender, Bytes(5, 1));
  Bytes plain(5);
  for (std::size_t i = 0; i < genuine.size(); ++i) {
    Bytes forged = genuine;
    forged[i] ^= 1;
    EXPECT_EQ(receiver.decrypt_and_hash(plain, forged), crypto::Verdict::kForged);
  }
  EXPECT_EQ(receiver.decrypt_and_hash(plain, genuine), crypto::Verdict::kAuthentic);
  EXPECT_EQ(receiver.hash(), sender.hash());
}

}  // namespace
}  // namespace tunneld::protocol
