#pragma once

#include <locale.h>

namespace holdfast::archive {

/// While it lives, this thread's characters are UTF-8. libarchive converts names by the locale, and
/// in the plain "C" one takes every name beyond ASCII for bytes that it cannot convert.
class Utf8Locale {
public:
  Utf8Locale();
  ~Utf8Locale();
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

private:
  locale_t ours_;
  locale_t before_ = nullptr;
};

}  // namespace holdfast::archive
