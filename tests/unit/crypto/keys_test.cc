#include "common/crypto/keys.h"

#include <gtest/gtest.h>

#include "tests/unit/crypto/vectors.h"

namespace tunneld::crypto {
namespace {

PrivateKey private_key(std::string_view hex) {
  return PrivateKey::from_bytes(as_key(from_hex(hex)));
}
PublicKey public_key(std::string_view hex) {
  return PublicKey(as_key(from_hex(hex)));
}

std::string agreed(const PrivateKey& ours, const PublicKey& theirs) {
  const auto shared = ours.agree(theirs);
  return shared ? to_hex(shared->view()) : "refused";
}

std::string base64_of(const auto& key) {
  std::array<char, 45> text{};
  key.to_base64(text);
  return text.data();
}

TEST(X25519, AgreesWithTheVectorsOfRfc7748) {
  EXPECT_EQ(agreed(private_key("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                   public_key("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")),
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  EXPECT_EQ(agreed(private_key("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d"),
                   public_key("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493")),
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

TEST(X25519, AgreesWithTheExchangeOfRfc7748Section6) {
  const PrivateKey alice = private_key("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const PrivateKey bob = private_key("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  EXPECT_EQ(to_hex(alice.public_key().view()),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(to_hex(bob.public_key().view()),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  EXPECT_EQ(agreed(alice, bob.public_key()),
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  EXPECT_EQ(agreed(bob, alice.public_key()), agreed(alice, bob.public_key()));
}

TEST(X25519, AgreesWithTheIteratedVectorOfRfc7748) {
  Bytes scalar = from_hex("0900000000000000000000000000000000000000000000000000000000000000");
  Bytes point = scalar;
  for (int iteration = 1; iteration <= 1000; ++iteration) {
    const auto shared = PrivateKey::from_bytes(as_key(scalar)).agree(PublicKey(as_key(point)));
    ASSERT_TRUE(shared);
    point = scalar;
    scalar.assign(shared->view().begin(), shared->view().end());
    if (iteration == 1) {
      EXPECT_EQ(to_hex(scalar), "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    }
  }
  EXPECT_EQ(to_hex(scalar), "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

TEST(X25519, RefusesTheSevenLowOrderPoints) {
  constexpr std::string_view kLowOrder[] = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  };
  const PrivateKey ours = PrivateKey::generate();
  for (const std::string_view hex : kLowOrder) {
    Bytes point = from_hex(hex);
    EXPECT_FALSE(ours.agree(PublicKey(as_key(point)))) << hex;
    point[31] |= 0x80;  // X25519 ignores the top bit, and so does an attacker
    EXPECT_FALSE(ours.agree(PublicKey(as_key(point)))) << hex << " with the top bit";
  }
}

TEST(PrivateKey, IsClamped) {
  const PrivateKey ones = PrivateKey::from_bytes(as_key(Bytes(32, 0xff)));
  EXPECT_EQ(base64_of(ones), "+P///////////////////////////////////////38=");
  const PrivateKey zeros = PrivateKey::from_bytes(as_key(Bytes(32, 0)));
  EXPECT_EQ(base64_of(zeros), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEA=");
}

TEST(PrivateKey, SurvivesBase64AndCloning) {
  const PrivateKey key = PrivateKey::generate();
  const auto read = PrivateKey::from_base64(base64_of(key));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->public_key(), key.public_key());
  EXPECT_EQ(key.clone().public_key(), key.public_key());
  EXPECT_NE(PrivateKey::generate().public_key(), key.public_key());
}

TEST(PresharedKey, IsKeptAsItIs) {
  const auto key = PresharedKey::from_base64("//////////////////////////////////////////8=");
  ASSERT_TRUE(key);
  EXPECT_EQ(to_hex(key->secret().view()), std::string(64, 'f'));
  EXPECT_EQ(base64_of(key->clone()), "//////////////////////////////////////////8=");
}

TEST(PublicKey, PrintsAsWgDoes) {
  const PublicKey key = public_key("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(key.to_base64(), "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=");
  EXPECT_EQ(key.to_short(), "hSDwCYkw");
  EXPECT_EQ(PublicKey::from_base64(key.to_base64()), key);
}

class Base64Strictness : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Base64Strictness, RefusesAnyOtherSpelling) {
  const std::string_view text = GetParam().second;
  EXPECT_FALSE(PublicKey::from_base64(text));
  EXPECT_FALSE(PrivateKey::from_base64(text));
  EXPECT_FALSE(PresharedKey::from_base64(text));
}

INSTANTIATE_TEST_SUITE_P(
    Keys, Base64Strictness,
    testing::Values(std::pair{"Empty", ""},
                    std::pair{"NoPadding", "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo"},
                    std::pair{"PaddingReplaced", "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmoA"},
                    std::pair{"TwoPaddings", "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTm=="},
                    std::pair{"OnePaddingMore", "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=="},
                    std::pair{"NotCanonical1", "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmp="},
                    std::pair{"NotCanonical2", "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmq="},
                    std::pair{"NotCanonical3", "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmr="},
                    std::pair{"SpaceBefore", " hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="},
                    std::pair{"NewlineAfter", "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n"},
                    std::pair{"SpaceInside", "hSDwCYkwp1R0i33ctD73W 2/Og0mOBr066SpjqqbTmo="},
                    std::pair{"UrlAlphabet", "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo="},
                    std::pair{"31Bytes", "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTg=="},
                    std::pair{"PaddingInside", "hSDwCYkwp1R0i33ctD73Wg==Og0mOBr066SpjqqbTmo="},
                    std::pair{"Hex", "8520f0098930a754748b7ddcb43ef75a0dbf3a0d2638"}),
    [](const auto& test) { return std::string(test.param.first); });

TEST(Base64Strictness, RefusesANulInside) {
  std::string text = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
  text[10] = '\0';
  EXPECT_FALSE(PublicKey::from_base64(text));
}

TEST(RandomBytes, FillsTheWholeSpan) {
  Bytes some(64);
  for (int attempt = 0; attempt < 20 && (some.front() == 0 || some.back() == 0); ++attempt)
    random_bytes(some);
  EXPECT_NE(some.front(), 0);
  EXPECT_NE(some.back(), 0);
}

}  // namespace
}  // namespace tunneld::crypto
