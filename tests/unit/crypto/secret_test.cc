#include "common/crypto/secret.h"

#include <concepts>
#include <memory>
#include <sstream>
#include <type_traits>

#include <gtest/gtest.h>

#include "tests/unit/crypto/vectors.h"

namespace tunneld::crypto {
namespace {

using Key = Secret<32>;

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};

static_assert(!std::is_copy_constructible_v<Key> && !std::is_copy_assignable_v<Key>);
static_assert(std::is_nothrow_move_constructible_v<Key> && std::is_nothrow_move_assignable_v<Key>);
static_assert(!std::equality_comparable<Key>, "== on secrets is not constant time");
static_assert(!Printable<Key>);
static_assert(!std::is_convertible_v<Verdict, bool>, "a verdict must be compared, not read as a truth value");

bool all_zero(ByteView bytes) {
  return sodium_is_zero(bytes.data(), bytes.size()) == 1;
}

TEST(Secret, WipesItsBytesWhenDestroyed) {
  alignas(Key) std::array<std::uint8_t, sizeof(Key)> place{};
  Key* const key = new (place.data()) Key(as_key(pattern(32, 1)));
  ASSERT_FALSE(all_zero(place));
  std::destroy_at(key);
  EXPECT_TRUE(all_zero(place));
}

TEST(Secret, WipesTheSourceOfAMove) {
  Key first(as_key(pattern(32, 1)));
  Key second(std::move(first));
  EXPECT_TRUE(first.is_zero());  // NOLINT(bugprone-use-after-move): what is left there is the question
  EXPECT_EQ(to_hex(second.view()), to_hex(pattern(32, 1)));
  Key third;
  third = std::move(second);
  EXPECT_TRUE(second.is_zero());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(to_hex(third.view()), to_hex(pattern(32, 1)));
}

TEST(Secret, SurvivesAMoveToItself) {
  Key key(as_key(pattern(32, 1)));
  Key& same = key;
  key = std::move(same);
  EXPECT_EQ(to_hex(key.view()), to_hex(pattern(32, 1)));
}

TEST(Secret, IsZeroUntilFilledAndAfterAWipe) {
  Key key;
  EXPECT_TRUE(key.is_zero());
  key.data()[31] = 1;
  EXPECT_FALSE(key.is_zero());
  key.wipe();
  EXPECT_TRUE(key.is_zero());
}

TEST(Secret, CloneLeavesTheOriginal) {
  const Key key(as_key(pattern(32, 1)));
  EXPECT_EQ(to_hex(key.clone().view()), to_hex(pattern(32, 1)));
  EXPECT_EQ(to_hex(key.view()), to_hex(pattern(32, 1)));
}

}  // namespace
}  // namespace tunneld::crypto
