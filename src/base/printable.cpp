#include "base/units.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace holdfast::base {

namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 0;  // in bytes; 0 when the bytes are not UTF-8
};

struct LeadByte {
  std::uint8_t mask;
  std::uint8_t pattern;
  std::uint32_t smallest;  // a smaller value in this length is an overlong form
};

constexpr std::array lead_bytes = {
    LeadByte{0x80, 0x00, 0},
    LeadByte{0xe0, 0xc0, 0x80},
    LeadByte{0xf0, 0xe0, 0x800},
    LeadByte{0xf8, 0xf0, 0x10000},
};

CodePoint decode(std::string_view bytes) {
  const auto lead = static_cast<std::uint8_t>(bytes.front());
  const auto row = std::ranges::find_if(
      lead_bytes, [lead](const LeadByte& known) { return (lead & known.mask) == known.pattern; });
  if (row == lead_bytes.end()) return {};
  const auto length = static_cast<std::size_t>(row - lead_bytes.begin()) + 1;
  if (bytes.size() < length) return {};
  std::uint32_t value = lead & static_cast<std::uint8_t>(~row->mask);
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<std::uint8_t>(bytes[i]);
    if ((next & 0xc0) != 0x80) return {};
    value = value << 6 | (next & 0x3f);
  }
  const bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < row->smallest || value > 0x10ffff || is_surrogate) return {};
  return {value, length};
}

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

// What moves the cursor, breaks the line or turns the direction of the text around it.
constexpr std::array unsafe_ranges = {
    Range{0x00, 0x1f},     Range{0x7f, 0x9f},     Range{0x061c, 0x061c}, Range{0x200e, 0x200f},
    Range{0x2028, 0x202e}, Range{0x2066, 0x2069}, Range{0xfeff, 0xfeff},
};

bool is_safe(std::uint32_t value) {
  return std::ranges::none_of(unsafe_ranges, [value](const Range& range) {
    return value >= range.first && value <= range.last;
  });
}

void append_escaped(std::string& text, std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  for (const char byte : bytes) {
    const auto value = static_cast<std::uint8_t>(byte);
    text += "\\x";
    text += digits[value >> 4];
    text += digits[value & 15];
  }
}

}  // namespace

std::string printable(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const auto point = decode(bytes);
    const auto taken = bytes.substr(0, std::max<std::size_t>(point.length, 1));
    if (point.length > 0 && is_safe(point.value)) {
      text += taken;
    } else {
      append_escaped(text, taken);
    }
    bytes.remove_prefix(taken.size());
  }
  return text;
}

}  // namespace holdfast::base
