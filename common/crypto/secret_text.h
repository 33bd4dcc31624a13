// Text that holds a secret, such as a configuration file with keys in it. It is wiped when it is destroyed or
// reallocated.
#pragma once

#include <array>
#include <memory>
#include <string>

#include <sodium.h>

namespace tunneld::crypto {

/// std::allocator that wipes memory before freeing it.
template <typename T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <typename U>
  explicit WipingAllocator(const WipingAllocator<U>& /*other*/) {}
  [[nodiscard]] T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* memory, std::size_t count) {
    sodium_memzero(memory, count * sizeof(T));
    std::allocator<T>().deallocate(memory, count);
  }
  bool operator==(const WipingAllocator&) const = default;
};

/// Texts of fewer than 16 characters are stored in the object itself and not wiped; no key is that short.
using SecretText = std::basic_string<char, std::char_traits<char>, WipingAllocator<char>>;

/// Appends a key (PrivateKey, PresharedKey) as 44 characters of base64, leaving no other copy.
template <typename Key>
void append_base64(SecretText& text, const Key& key) {
  std::array<char, 45> base64{};
  key.to_base64(base64);
  text.append(base64.data());
  sodium_memzero(base64.data(), base64.size());
}

}  // namespace tunneld::crypto
