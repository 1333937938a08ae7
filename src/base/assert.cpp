#include "base/error.hpp"

#include <cstdio>
#include <cstdlib>

namespace holdfast::base {

void assertion_failed(const char* condition, const char* why, std::source_location where) noexcept {
  std::fprintf(stderr, "%s:%u: %s: assertion failed: %s (%s)\n", where.file_name(), where.line(),
               where.function_name(), why, condition);
  std::abort();
}

}  // namespace holdfast::base
