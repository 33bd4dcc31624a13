// A JSON value (RFC 8259), for status, journals and control frames, both written and read.
//
// Only json.cc includes the library behind it: its header costs three seconds of compile time per file.
// Values are built and read as with that library, which readers may know.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "common/bytes.h"

namespace tunneld {

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::map<std::string, Json, std::less<>>;

  using value_type = Json;
  using const_iterator = Array::const_iterator;

  /// A missing member, or a value of another type than requested.
  class Error : public std::runtime_error {
   public:
    using std::runtime_error::runtime_error;
  };

  Json() = default;  ///< null
  Json(std::nullptr_t) {}
  template <std::same_as<bool> T>
  Json(T value) : value_(value) {}
  template <std::integral T>
  requires(!std::same_as<T, bool>) Json(T value) {
    if (std::cmp_less(value, 0)) {
      value_ = static_cast<std::int64_t>(value);
    } else {
      value_ = static_cast<std::uint64_t>(value);
    }
  }
  Json(double value) : value_(value) {}
  Json(const char* text) : value_(std::string(text)) {}
  Json(std::string text) : value_(std::move(text)) {}
  Json(std::string_view text) : value_(std::string(text)) {}
  Json(Array items) : value_(std::move(items)) {}
  Json(Object members) : value_(std::move(members)) {}
  template <typename T>
  requires(!std::same_as<T, Json>) Json(const std::vector<T>& items)
      : value_(Array(items.begin(), items.end())) {}
  template <typename T>
  Json(const std::map<std::string, T>& members) : value_(Object(members.begin(), members.end())) {}
  /// An object if each item is a pair of a text and a value, otherwise an array.
  Json(std::initializer_list<Json> items);

  [[nodiscard]] static Json array(std::initializer_list<Json> items = {}) { return Array(items); }
  [[nodiscard]] static Json object() { return Object{}; }

  [[nodiscard]] bool is_null() const { return holds<std::monostate>(); }
  [[nodiscard]] bool is_boolean() const { return holds<bool>(); }
  /// A non-negative integer.
  [[nodiscard]] bool is_number_unsigned() const { return holds<std::uint64_t>(); }
  [[nodiscard]] bool is_integer() const { return is_number_unsigned() || holds<std::int64_t>(); }
  [[nodiscard]] bool is_number() const { return is_integer() || holds<double>(); }
  [[nodiscard]] bool is_string() const { return holds<std::string>(); }
  [[nodiscard]] bool is_array() const { return holds<Array>(); }
  [[nodiscard]] bool is_object() const { return holds<Object>(); }

  /// bool, a number, std::string, or a vector or map of these. Throws Error for a value of another type, and
  /// for a number that does not fit into T.
  template <typename T>
  [[nodiscard]] T get() const;
  /// As get(), where the context determines the type.
  template <typename T>
  requires((std::integral<T> && !std::same_as<T, char>) || std::same_as<T, double> ||
           std::same_as<T, std::string>)
  operator T() const {  // NOLINT(google-explicit-constructor)
    return get<T>();
  }
  /// As get() for std::string, Array and Object, without a copy.
  template <typename T>
  [[nodiscard]] const T& get_ref() const {
    if (const T* const held = std::get_if<T>(&value_)) return *held;
    throw_other_type();
  }

  /// nullptr if there is no such member, or this is not an object.
  [[nodiscard]] const Json* find(std::string_view key) const;
  [[nodiscard]] bool contains(std::string_view key) const { return find(key) != nullptr; }
  /// Throws Error if there is no such member or item, or this is not an object or array.
  [[nodiscard]] const Json& at(std::string_view key) const;
  [[nodiscard]] const Json& at(std::size_t index) const;
  template <std::convertible_to<std::string_view> Key>
  [[nodiscard]] const Json& operator[](const Key& key) const {
    return at(std::string_view(key));
  }
  /// Adds a missing member as null; a null value becomes an object. Throws Error for other types.
  template <std::convertible_to<std::string_view> Key>
  Json& operator[](const Key& key) {
    return member(std::string_view(key));
  }
  /// The member, or `otherwise` if there is none. Throws Error as get() does.
  template <typename T>
  [[nodiscard]] T value(std::string_view key, T otherwise) const {
    const Json* const found = find(key);
    return found == nullptr ? std::move(otherwise) : found->get<T>();
  }
  /// A null value becomes an array. Throws Error for other types.
  void push_back(Json item);

  /// Removes a member if there is one.
  void erase(std::string_view key);

  /// The number of members or items; 0 for null, 1 for anything else.
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] bool empty() const { return size() == 0; }
  /// For arrays. Throws Error for other types.
  [[nodiscard]] const_iterator begin() const { return get_ref<Array>().begin(); }
  [[nodiscard]] const_iterator end() const { return get_ref<Array>().end(); }
  /// For objects. Throws Error for other types.
  [[nodiscard]] const Object& items() const { return get_ref<Object>(); }

  bool operator==(const Json& other) const = default;
  template <typename T>
  requires(!std::same_as<T, Json> && std::constructible_from<Json, const T&>) bool operator==(
      const T& other) const {
    return *this == Json(other);
  }

  /// A single line if `indentation` is negative. Invalid UTF-8 becomes U+FFFD.
  [[nodiscard]] std::string dump(int indentation = -1) const;
  /// RFC 8949.
  [[nodiscard]] std::vector<std::uint8_t> to_cbor() const;

  /// nullopt for malformed text: duplicate keys, arrays and objects nested deeper than `deepest`, or trailing
  /// text.
  [[nodiscard]] static std::optional<Json> parse(std::string_view text, std::size_t deepest = 16);
  /// The same for CBOR. Byte strings, which JSON does not have, are read as null. Never throws.
  [[nodiscard]] static std::optional<Json> from_cbor(ByteView bytes, std::size_t deepest);

 private:
  template <typename T>
  [[nodiscard]] bool holds() const {
    return std::holds_alternative<T>(value_);
  }
  Json& member(std::string_view key);
  [[noreturn]] void throw_other_type() const;
  [[nodiscard]] double to_double() const;

  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array, Object> value_;
};

template <typename T>
T Json::get() const {
  if constexpr (std::same_as<T, Json>) {
    return *this;
  } else if constexpr (std::floating_point<T>) {
    return static_cast<T>(to_double());
  } else if constexpr (std::integral<T> && !std::same_as<T, bool>) {
    if (const auto* number = std::get_if<std::uint64_t>(&value_);
        number != nullptr && std::in_range<T>(*number))
      return static_cast<T>(*number);
    if (const auto* number = std::get_if<std::int64_t>(&value_);
        number != nullptr && std::in_range<T>(*number))
      return static_cast<T>(*number);
    throw_other_type();
  } else if constexpr (std::same_as<T, bool> || std::same_as<T, std::string> || std::same_as<T, Array> ||
                       std::same_as<T, Object>) {
    return get_ref<T>();
  } else if constexpr (requires { typename T::mapped_type; }) {
    T members;
    for (const auto& [key, member] : items())
      members.emplace(key, member.template get<typename T::mapped_type>());
    return members;
  } else {
    T items;
    for (const Json& item : *this) items.push_back(item.get<typename T::value_type>());
    return items;
  }
}

std::ostream& operator<<(std::ostream& out, const Json& json);

}  // namespace tunneld
