#include "utf8_locale.hpp"

namespace holdfast::archive {

// Where a system has no C.UTF-8, names beyond ASCII are written as plain bytes, and marked so.
Utf8Locale::Utf8Locale() : ours_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
  if (ours_ != nullptr) before_ = ::uselocale(ours_);
}

Utf8Locale::~Utf8Locale() {
  if (ours_ == nullptr) return;
  ::uselocale(before_);
  ::freelocale(ours_);
}

}  // namespace holdfast::archive
