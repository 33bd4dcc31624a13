// Secret bytes that cannot be copied, compared with ==, printed, or left behind in memory.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sodium.h>

namespace tunneld::crypto {

/// The result of a check on secret or unauthenticated data. An enum class does not convert to bool, so its
/// meaning cannot be inverted by mistake (the inverted memcmp of CVE-2025-13086).
enum class [[nodiscard]] Verdict : std::uint8_t{kForged, kAuthentic};

/// N secret bytes. Move-only; a move wipes its source, and the destructor wipes the rest.
template <std::size_t N>
class Secret {
 public:
  static constexpr std::size_t kSize = N;

  Secret() = default;
  explicit Secret(std::span<const std::uint8_t, N> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }
  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { other.wipe(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      other.wipe();
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(); }

  /// An explicit copy, for the few callers that need one (each deserves a look in review).
  [[nodiscard]] Secret clone() const { return Secret(view()); }
  [[nodiscard]] std::span<const std::uint8_t, N> view() const { return bytes_; }
  [[nodiscard]] std::span<std::uint8_t, N> mutable_view() { return bytes_; }
  [[nodiscard]] const std::uint8_t* data() const { return bytes_.data(); }
  [[nodiscard]] std::uint8_t* data() { return bytes_.data(); }
  [[nodiscard]] bool is_zero() const { return sodium_is_zero(bytes_.data(), N) == 1; }
  void wipe() { sodium_memzero(bytes_.data(), N); }

 private:
  std::array<std::uint8_t, N> bytes_{};
};

using SymmetricKey = Secret<32>;

}  // namespace tunneld::crypto
