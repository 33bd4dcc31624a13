#include "common/json.h"

#include <algorithm>
#include <array>
#include <ostream>

#include <nlohmann/json.hpp>

namespace tunneld {
namespace {

using Library = nlohmann::json;

/// Builds a value from the parser's events, and stops on duplicate keys, which the library would accept (the
/// last one would count).
class Builder : public nlohmann::json_sax<Library> {
 public:
  explicit Builder(std::size_t deepest) : deepest_(deepest) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return add(nullptr); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool key(string_t& name) override {
    if (open_.back().value.contains(name)) return false;
    open_.back().key = std::move(name);
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

  Json take() { return std::move(whole_); }

 private:
  struct Open {
    Json value;
    std::string key;
  };

  bool add(Json value) {
    if (open_.empty()) {
      whole_ = std::move(value);
    } else if (open_.back().value.is_object()) {
      open_.back().value[open_.back().key] = std::move(value);
    } else {
      open_.back().value.push_back(std::move(value));
    }
    return true;
  }
  bool open(Json value) {
    open_.push_back({std::move(value), {}});
    return open_.size() <= deepest_;
  }
  bool close() {
    Json value = std::move(open_.back().value);
    open_.pop_back();
    return add(std::move(value));
  }

  std::size_t deepest_;
  std::vector<Open> open_;
  Json whole_;
};

template <typename Bytes>
std::optional<Json> read(const Bytes& bytes, Library::input_format_t format, std::size_t deepest) {
  // The parser reports errors to parse_error() instead of throwing, except for an array that announces more
  // items than memory can hold.
  try {
    Builder builder(deepest);
    if (!Library::sax_parse(bytes.begin(), bytes.end(), &builder, format)) return std::nullopt;
    return builder.take();
  } catch (const Library::exception&) {
    return std::nullopt;
  }
}

Library to_library(const Json& json) {
  if (json.is_object()) {
    Library object = Library::object();
    for (const auto& [key, member] : json.items()) object[key] = to_library(member);
    return object;
  }
  if (json.is_array()) {
    Library array = Library::array();
    for (const Json& item : json) array.push_back(to_library(item));
    return array;
  }
  if (json.is_string()) return json.get_ref<std::string>();
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_unsigned()) return json.get<std::uint64_t>();
  if (json.is_integer()) return json.get<std::int64_t>();
  if (json.is_number()) return json.get<double>();
  return nullptr;
}

}  // namespace

Json::Json(std::initializer_list<Json> items) {
  const auto is_member = [](const Json& item) {
    return item.is_array() && item.size() == 2 && item.at(0).is_string();
  };
  if (!std::ranges::all_of(items, is_member)) {
    value_ = Array(items);
    return;
  }
  Object members;
  for (const Json& item : items) members.emplace(item.at(0).get<std::string>(), item.at(1));
  value_ = std::move(members);
}

const Json* Json::find(std::string_view key) const {
  const auto* const members = std::get_if<Object>(&value_);
  if (members == nullptr) return nullptr;
  const auto found = members->find(key);
  return found == members->end() ? nullptr : &found->second;
}

const Json& Json::at(std::string_view key) const {
  if (const Json* const found = find(key)) return *found;
  throw Error("JSON: no member \"" + std::string(key) + "\"");
}

const Json& Json::at(std::size_t index) const {
  const Array& items = get_ref<Array>();
  if (index < items.size()) return items[index];
  throw Error("JSON: no item " + std::to_string(index));
}

Json& Json::member(std::string_view key) {
  if (is_null()) value_ = Object{};
  auto* const members = std::get_if<Object>(&value_);
  if (members == nullptr) throw_other_type();
  const auto found = members->find(key);
  return found != members->end() ? found->second : members->emplace(key, nullptr).first->second;
}

void Json::push_back(Json item) {
  if (is_null()) value_ = Array{};
  auto* const items = std::get_if<Array>(&value_);
  if (items == nullptr) throw_other_type();
  items->push_back(std::move(item));
}

void Json::erase(std::string_view key) {
  auto* const members = std::get_if<Object>(&value_);
  if (members == nullptr) return;
  if (const auto found = members->find(key); found != members->end()) members->erase(found);
}

std::size_t Json::size() const {
  if (const auto* const items = std::get_if<Array>(&value_)) return items->size();
  if (const auto* const members = std::get_if<Object>(&value_)) return members->size();
  return is_null() ? 0 : 1;
}

std::string Json::dump(int indentation) const {
  return to_library(*this).dump(indentation, ' ', false, Library::error_handler_t::replace);
}

std::vector<std::uint8_t> Json::to_cbor() const {
  return Library::to_cbor(to_library(*this));
}

std::optional<Json> Json::parse(std::string_view text, std::size_t deepest) {
  return read(text, Library::input_format_t::json, deepest);
}

std::optional<Json> Json::from_cbor(ByteView bytes, std::size_t deepest) {
  return read(bytes, Library::input_format_t::cbor, deepest);
}

std::ostream& operator<<(std::ostream& out, const Json& json) {
  return out << json.dump();
}

void Json::throw_other_type() const {
  constexpr std::array kNames{"null",     "a boolean", "a number", "a number",
                              "a number", "a text",    "an array", "an object"};
  throw Error(std::string("JSON: ") + kNames.at(value_.index()) +
              " is not of the type that is expected here");
}

double Json::to_double() const {
  if (const auto* const number = std::get_if<double>(&value_)) return *number;
  if (const auto* const number = std::get_if<std::uint64_t>(&value_)) return static_cast<double>(*number);
  if (const auto* const number = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*number);
  throw_other_type();
}

}  // namespace tunneld
