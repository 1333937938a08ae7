#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::cli {

/// Builds JSON text front to back, so that a listing of a million files is one string and no tree
/// of values. Names that are not valid UTF-8 have U+FFFD in their place; see raw_field.
class JsonWriter {
public:
  JsonWriter& begin_object() { return begin('{'); }
  JsonWriter& end_object() { return end('}'); }
  JsonWriter& begin_array() { return begin('['); }
  JsonWriter& end_array() { return end(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool truth);
  JsonWriter& value(double number);
  template <std::integral Number>
    requires(!std::same_as<Number, bool>)
  JsonWriter& value(Number number) {
    if constexpr (std::signed_integral<Number>) return signed_value(number);
    return unsigned_value(static_cast<std::uint64_t>(number));
  }
  JsonWriter& null();

  template <class Value>
  JsonWriter& field(std::string_view name, const Value& content) {
    return key(name).value(content);
  }
  /// Raw bytes, such as a path: `name` has them as text, and only where that is not exact
  /// `name`_bytes has all of them in hex.
  JsonWriter& raw_field(std::string_view name, std::string_view bytes);

  const std::string& text() const { return text_; }
  std::string take() { return std::move(text_); }

private:
  JsonWriter& begin(char bracket);
  JsonWriter& end(char bracket);
  JsonWriter& signed_value(std::int64_t number);
  JsonWriter& unsigned_value(std::uint64_t number);
  void separate();

  std::string text_;
  bool first_ = true;  // nothing stands before the next value in its object or array
};

/// Whether `bytes` are UTF-8 as RFC 3629 has it: no surrogates, nothing overlong.
bool is_utf8(std::string_view bytes);
/// The bytes of the first character of `bytes` (not empty); 0 when it is not UTF-8.
std::size_t utf8_length(std::string_view bytes);

}  // namespace holdfast::cli
