#include "json.hpp"

#include "base/bytes.hpp"

#include <fmt/format.h>

#include <cmath>

namespace holdfast::cli {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

bool is_between(char c, unsigned low, unsigned high) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= low && byte <= high;
}

void append_escaped(std::string& to, char c) {
  switch (c) {
    case '"':
      to += "\\\"";
      return;
    case '\\':
      to += "\\\\";
      return;
    case '\n':
      to += "\\n";
      return;
    case '\t':
      to += "\\t";
      return;
    case '\r':
      to += "\\r";
      return;
    default:
      break;
  }
  if (is_between(c, 0, 0x1F) || c == 0x7F) {
    to += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
  } else {
    to += c;
  }
}

}  // namespace

std::size_t utf8_length(std::string_view bytes) {
  const char first = bytes[0];
  if (is_between(first, 0, 0x7F)) return 1;
  const auto follows = [&](std::size_t from, std::size_t count) {
    if (bytes.size() < from + count) return false;
    for (std::size_t i = from; i < from + count; ++i) {
      if (!is_between(bytes[i], 0x80, 0xBF)) return false;
    }
    return true;
  };
  if (is_between(first, 0xC2, 0xDF)) return follows(1, 1) ? 2 : 0;
  if (is_between(first, 0xE0, 0xEF) && follows(1, 2)) {
    if (first == '\xE0' && is_between(bytes[1], 0x80, 0x9F)) return 0;  // overlong
    if (first == '\xED' && is_between(bytes[1], 0xA0, 0xBF)) return 0;  // surrogate
    return 3;
  }
  if (is_between(first, 0xF0, 0xF4) && follows(1, 3)) {
    if (first == '\xF0' && is_between(bytes[1], 0x80, 0x8F)) return 0;  // overlong
    if (first == '\xF4' && is_between(bytes[1], 0x90, 0xBF)) return 0;  // beyond U+10FFFF
    return 4;
  }
  return 0;
}

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto length = utf8_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

void JsonWriter::separate() {
  if (!first_) text_ += ',';
  first_ = false;
}

JsonWriter& JsonWriter::begin(char bracket) {
  separate();
  text_ += bracket;
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::end(char bracket) {
  text_ += bracket;
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  value(name);
  text_ += ':';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  separate();
  text_ += '"';
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) {
      text_ += replacement;
      text.remove_prefix(1);
      continue;
    }
    if (length == 1) {
      append_escaped(text_, text[0]);
    } else {
      text_ += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  text_ += '"';
  return *this;
}

JsonWriter& JsonWriter::value(bool truth) {
  separate();
  text_ += truth ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::value(double number) {
  if (!std::isfinite(number)) return null();
  separate();
  fmt::format_to(std::back_inserter(text_), "{:.6g}", number);
  return *this;
}

JsonWriter& JsonWriter::signed_value(std::int64_t number) {
  separate();
  fmt::format_to(std::back_inserter(text_), "{}", number);
  return *this;
}

JsonWriter& JsonWriter::unsigned_value(std::uint64_t number) {
  separate();
  fmt::format_to(std::back_inserter(text_), "{}", number);
  return *this;
}

JsonWriter& JsonWriter::null() {
  separate();
  text_ += "null";
  return *this;
}

JsonWriter& JsonWriter::raw_field(std::string_view name, std::string_view bytes) {
  field(name, bytes);
  if (!is_utf8(bytes)) field(fmt::format("{}_bytes", name), base::to_hex(base::as_bytes(bytes)));
  return *this;
}

}  // namespace holdfast::cli
