#include "common/crypto/blake2s.h"

#include <blake2.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/crypto/vectors.h"

namespace tunneld::crypto {
namespace {

constexpr std::uint8_t kStart = 3;  // of the pattern in messages

/// The input generator of RFC 7693, appendix E.
Bytes fibonacci_bytes(std::size_t length, std::uint32_t seed) {
  std::uint32_t a = 0xDEAD4BAD * seed;
  std::uint32_t b = 1;
  Bytes bytes(length);
  for (std::uint8_t& byte : bytes) {
    const std::uint32_t sum = a + b;
    a = b;
    b = sum;
    byte = static_cast<std::uint8_t>(sum >> 24);
  }
  return bytes;
}

TEST(Blake2s, PassesTheSelfTestOfRfc7693AppendixE) {
  blake2s_state all;
  ASSERT_EQ(blake2s_init(&all, 32), 0);
  for (const std::uint32_t out_length : {16U, 20U, 28U, 32U}) {
    for (const std::uint32_t in_length : {0U, 3U, 64U, 65U, 255U, 1024U}) {
      const Bytes message = fibonacci_bytes(in_length, in_length);
      const Bytes key = fibonacci_bytes(out_length, out_length);
      Bytes digest(out_length);
      ASSERT_EQ(::blake2s(digest.data(), message.data(), nullptr, out_length, in_length, 0), 0);
      if (out_length == 32) {
        EXPECT_THAT(crypto::blake2s({message}), testing::ElementsAreArray(digest));
      }
      blake2s_update(&all, digest.data(), digest.size());
      ASSERT_EQ(::blake2s(digest.data(), message.data(), key.data(), out_length, in_length, key.size()), 0);
      if (out_length == 16) {
        EXPECT_THAT(blake2s_mac(key, {message}), testing::ElementsAreArray(digest));
      }
      blake2s_update(&all, digest.data(), digest.size());
    }
  }
  Bytes result(32);
  blake2s_final(&all, result.data(), result.size());
  EXPECT_EQ(to_hex(result), "6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe");
}

TEST(Blake2s, HashesTheExampleOfRfc7693AppendixB) {
  EXPECT_EQ(to_hex(crypto::blake2s({from_hex("616263")})),
            "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
}

TEST(Blake2s, HashesAroundTheBlockSizeAsPythonsHashlib) {
  struct {
    std::size_t length;
    std::string_view digest;
  } const vectors[] = {
      {0, "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9"},
      {1, "a28ac19d6bcbe2cd1d7de183485768d598e996b07889b9b11f418cb1b4a4fb0d"},
      {63, "de27df0e375d83c49f1af9ca8270f9f2fe7b70bf800fc01672db0e9746021ebf"},
      {64, "5377e4ff957bda4d4535f4879876b71a61056c4cec31e78397c66ec47a86a130"},
      {65, "19b1b26fba093f4a670d8913e1b71cbb2916dfa701018cc6b05785c966593374"},
      {127, "6846f99493436241d0a6f289c9a911b1d0f4860db8f2b5df5295ffd37d03a3c4"},
      {128, "83470c75afa23d90cd7659906e4b47daa278131fbb225241dd37a40fd5355ac7"},
      {129, "26fd8892ab0a5f12d4acbff1efd7dcd92b99e2d377f888f07e3cb81b232b11cf"},
      {1000, "02a016193469710efadf8fb005ca19b509331cb847df5598cc0794bded669681"},
  };
  for (const auto& vector : vectors)
    EXPECT_EQ(to_hex(crypto::blake2s({pattern(vector.length, kStart)})), vector.digest) << vector.length;
}

TEST(Blake2s, HashesTheConcatenationOfTheParts) {
  const Bytes whole = pattern(200);
  const ByteView view(whole);
  const Digest expected = crypto::blake2s({view});
  for (const std::size_t cut : {0U, 1U, 63U, 64U, 65U, 128U, 200U}) {
    EXPECT_EQ(crypto::blake2s({view.first(cut), view.subspan(cut)}), expected) << cut;
    EXPECT_EQ(crypto::blake2s({view.first(cut), {}, view.subspan(cut), {}}), expected) << cut;
  }
}

TEST(Blake2sMac, IsKeyedBlake2sWith16BytesAsPythonsHashlib) {
  struct {
    std::size_t key_length;
    std::size_t length;
    std::string_view mac;
  } const vectors[] = {
      {1, 0, "01d7f4cea32638032b156c74aec7e87a"},    {16, 1, "51900805b5684c2729ab9701cf02d357"},
      {31, 63, "e77a260a7dfbcbb7d491a14e47795f5f"},  {32, 64, "da1efe4c4a894aabf79e6648379374dc"},
      {32, 65, "bc654f1fdbbb6a7765ba0a6460d753eb"},  {32, 128, "454978aaf207e19b47054357c7ca1d87"},
      {32, 129, "fdf937bf89698e1fd17ed77914da29ed"}, {32, 1000, "7e1ae2da61fb7ecb448e05231607035e"},
      {32, 0, "5a8dfbf27dae412643b5acc882c8bc28"},
  };
  for (const auto& vector : vectors)
    EXPECT_EQ(to_hex(blake2s_mac(pattern(vector.key_length), {pattern(vector.length, kStart)})), vector.mac)
        << vector.key_length << ", " << vector.length;
}

TEST(HmacBlake2s, AgreesWithPythonsHmac) {
  struct {
    std::size_t key_length;
    std::size_t length;
    std::string_view mac;
  } const vectors[] = {
      {0, 0, "eaf4bb25938f4d20e72656bbbc7a9bf63c0c18537333c35bdb67db1402661acd"},
      {1, 1, "81c44022795ad8c80289d0d165797e0d83036fa130e5b1913fa3006fb4e76c38"},
      {32, 0, "47efd2674275ff1e2245c79e92b4ca762442eb83b7efe1f95c327a2f95c8f09f"},
      {32, 32, "eb14a54b8dbddf19d84cbb5f514bfdeaedbdb305a13e165b205999e84accb6cb"},
      {63, 64, "1efc8850a940cc5c423b94eada2b42dc701a8caec39829e062ba5500b61b4c4c"},
      {64, 65, "342b36cb50aacca6d307240fff16916e045a7dce976c43eaeaa7ffc206b4e226"},
      {65, 10, "cfd7b5a09b22bd561d2fcc81c621cd257111cbc9087dbe0aa343ce3db5c0abb4"},
      {200, 200, "674471c5955e78926b4ceb73001d8683f28a5b04702615afbfa9bd0fff661663"},
  };
  for (const auto& vector : vectors) {
    const SymmetricKey mac = hmac_blake2s(pattern(vector.key_length), {pattern(vector.length, kStart)});
    EXPECT_EQ(to_hex(mac.view()), vector.mac) << vector.key_length << ", " << vector.length;
  }
}

TEST(Kdf, AgreesWithHkdfFromPythonsHmac) {
  struct {
    std::size_t length;
    std::string_view first;
    std::string_view second;
    std::string_view third;
  } const vectors[] = {
      {0, "0fcb89824acaa8b67859510ba12e47c544250960883f10e272502e6e7ba56fb9",
       "aa7718e1faa3f4ad7a9348db99df61e72dc44b762695555e8f2a31722507b3e5",
       "2a73eeddf4cb71cfc2bc1a1afe447e970003a560f69fa84f2caceedfb21f7d4a"},
      {32, "e49854dd4422fd4a4ea60ce96cb19f27fec44217fe8a99534b1143ac63caceb4",
       "dbf318ad44b5653f009f3b3d6855c83bd1978f1727bca09ff3641b1fb678e1b2",
       "ec4e2974676085d1efa740edd86c631d66cdc870f21cc6e50c8f6536bee024c1"},
      {100, "4916855349813e0a65d04e36506c6b6cf7c74593249c4df54f222bed6b3c30d3",
       "dbcbf57b185b26aa50cfe48854cabd377f3c0e7887c6da93b0e1cfb7b13e7d70",
       "8e8a651581d2b557a4947c1a72aa9e3a2d05264fd68ec685bbbf9fbfdb88ae3d"},
  };
  for (const auto& vector : vectors) {
    const Bytes input = pattern(vector.length, kStart);

    SymmetricKey chaining_key = symmetric_key(pattern(32));
    kdf1(chaining_key, input);
    EXPECT_EQ(to_hex(chaining_key.view()), vector.first);

    chaining_key = symmetric_key(pattern(32));
    const SymmetricKey second = kdf2(chaining_key, input);
    EXPECT_EQ(to_hex(chaining_key.view()), vector.first);
    EXPECT_EQ(to_hex(second.view()), vector.second);

    chaining_key = symmetric_key(pattern(32));
    const TwoKeys rest = kdf3(chaining_key, input);
    EXPECT_EQ(to_hex(chaining_key.view()), vector.first);
    EXPECT_EQ(to_hex(rest.first.view()), vector.second);
    EXPECT_EQ(to_hex(rest.second.view()), vector.third);

    chaining_key = symmetric_key(pattern(32));
    const TwoKeys pair = derive_pair(chaining_key, input);
    EXPECT_EQ(to_hex(chaining_key.view()), to_hex(pattern(32)));
    EXPECT_EQ(to_hex(pair.first.view()), vector.first);
    EXPECT_EQ(to_hex(pair.second.view()), vector.second);
  }
}

}  // namespace
}  // namespace tunneld::crypto
