#include "base/base64.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace holdfast::base {

std::string to_base64(ByteView bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto group = bytes.subspan(at, std::min<std::size_t>(3, bytes.size() - at));
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      value = value << 8 | (i < group.size() ? static_cast<std::uint32_t>(group[i]) : 0);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += i <= group.size() ? digits[value >> (18 - 6 * i) & 63] : '=';
    }
  }
  return text;
}

}  // namespace holdfast::base
