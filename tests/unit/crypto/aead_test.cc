#include "common/crypto/aead.h"

#include <gtest/gtest.h>

#include "tests/unit/crypto/vectors.h"

namespace tunneld::crypto {
namespace {

constexpr std::string_view kSunscreen =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen "
    "would be it.";

Bytes bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

TEST(Aead, LibsodiumAgreesWithRfc8439Section282) {
  const Bytes plain = bytes_of(kSunscreen);
  const Bytes associated = from_hex("50515253c0c1c2c3c4c5c6c7");
  const Bytes key = from_hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const Bytes nonce = from_hex("070000004041424344454647");  // its first four bytes are not ours to choose
  Bytes sealed(plain.size() + kTagSize);
  crypto_aead_chacha20poly1305_ietf_encrypt(sealed.data(), nullptr, plain.data(), plain.size(),
                                            associated.data(), associated.size(), nullptr, nonce.data(),
                                            key.data());
  EXPECT_EQ(to_hex(sealed),
            "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
            "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
            "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
            "3ff4def08e4b7a9de576d26586cec64b6116"
            "1ae10b594f09e26a7e902ecbd0600691");
}

/// RFC 8439, appendix A.5: its nonce starts with four zero bytes, as ours do.
struct AppendixA5 {
  SymmetricKey key =
      symmetric_key(from_hex("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0"));
  std::uint64_t counter = 0x0807060504030201;
  Bytes associated = from_hex("f33388860000000000004e91");
  Bytes plain = bytes_of(
      "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, "
      "or "
      "obsoleted by other documents at any time. It is inappropriate to use Internet-Drafts as reference "
      "material or to cite them other than as /\xe2\x80\x9cwork in progress./\xe2\x80\x9d");
  Bytes sealed = from_hex(
      "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2"
      "4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf"
      "332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855"
      "9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4"
      "b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e"
      "af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a"
      "0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10"
      "49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29"
      "a6ad5cb4022b02709b"
      "eead9d67890cbb22392336fea1851f38");
};

TEST(Aead, OpensTheMessageOfRfc8439AppendixA5) {
  const AppendixA5 vector;
  Bytes out(vector.plain.size());
  EXPECT_EQ(open(out, vector.sealed, vector.associated, vector.key, vector.counter), Verdict::kAuthentic);
  EXPECT_EQ(out, vector.plain);
}

TEST(Aead, SealsTheMessageOfRfc8439AppendixA5) {
  const AppendixA5 vector;
  Bytes out(vector.sealed.size());
  seal(out, vector.plain, vector.associated, vector.key, vector.counter);
  EXPECT_EQ(to_hex(out), to_hex(vector.sealed));
}

TEST(Aead, RefusesEveryFlippedBit) {
  const AppendixA5 vector;
  Bytes out(vector.plain.size());
  for (std::size_t bit = 0; bit < vector.sealed.size() * 8; ++bit) {
    Bytes forged = vector.sealed;
    forged[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    ASSERT_EQ(open(out, forged, vector.associated, vector.key, vector.counter), Verdict::kForged) << bit;
  }
}

TEST(Aead, RefusesAnotherCounterKeyOrAssociatedData) {
  const AppendixA5 vector;
  Bytes out(vector.plain.size());
  for (int bit = 0; bit < 64; ++bit) {
    const std::uint64_t counter = vector.counter ^ (std::uint64_t{1} << bit);
    EXPECT_EQ(open(out, vector.sealed, vector.associated, vector.key, counter), Verdict::kForged) << bit;
  }
  EXPECT_EQ(open(out, vector.sealed, {}, vector.key, vector.counter), Verdict::kForged);
  SymmetricKey other = vector.key.clone();
  other.data()[31] ^= 1;
  EXPECT_EQ(open(out, vector.sealed, vector.associated, other, vector.counter), Verdict::kForged);
}

TEST(Aead, SealsTheEmptyMessageOfTheHandshake) {
  const SymmetricKey key = symmetric_key(pattern(32));
  Bytes sealed(kTagSize);
  seal(sealed, {}, pattern(32, 1), key, 0);
  EXPECT_EQ(open({}, sealed, pattern(32, 1), key, 0), Verdict::kAuthentic);
  EXPECT_EQ(open({}, sealed, pattern(32, 2), key, 0), Verdict::kForged);
}

/// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
TEST(XAead, AgreesWithTheVectorOfTheDraft) {
  const Bytes plain = bytes_of(kSunscreen);
  const Bytes associated = from_hex("50515253c0c1c2c3c4c5c6c7");
  const Bytes key = from_hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const Bytes nonce = from_hex("404142434445464748494a4b4c4d4e4f5051525354555657");
  Bytes sealed(plain.size() + kTagSize);
  xseal(sealed, plain, associated, key, ByteView(nonce).first<kXNonceSize>());
  EXPECT_EQ(to_hex(sealed),
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
            "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
            "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
            "21f9664c97637da9768812f615c68b13b52e"
            "c0875924c1c7987947deafd8780acf49");

  Bytes opened(plain.size());
  EXPECT_EQ(xopen(opened, sealed, associated, key, ByteView(nonce).first<kXNonceSize>()),
            Verdict::kAuthentic);
  EXPECT_EQ(opened, plain);
  for (std::size_t i = 0; i < kXNonceSize; ++i) {
    Bytes other = nonce;
    other[i] ^= 1;
    EXPECT_EQ(xopen(opened, sealed, associated, key, ByteView(other).first<kXNonceSize>()), Verdict::kForged);
  }
  sealed.back() ^= 1;
  EXPECT_EQ(xopen(opened, sealed, associated, key, ByteView(nonce).first<kXNonceSize>()), Verdict::kForged);
}

TEST(VerifyMac, LooksAtEveryBit) {
  const Bytes mac = pattern(16);
  const auto view = ByteView(mac).first<16>();
  EXPECT_EQ(verify_mac(view, view), Verdict::kAuthentic);
  for (std::size_t bit = 0; bit < 128; ++bit) {
    Bytes other = mac;
    other[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    EXPECT_EQ(verify_mac(view, ByteView(other).first<16>()), Verdict::kForged) << bit;
  }
}

}  // namespace
}  // namespace tunneld::crypto
