#pragma once

#include "base/bytes.hpp"

#include <string>

namespace holdfast::base {

/// RFC 4648, so that `base64 -d` of any system reads it.
std::string to_base64(ByteView bytes);

}  // namespace holdfast::base
