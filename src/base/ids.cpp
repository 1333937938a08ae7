#include "base/ids.hpp"

#include "base/error.hpp"

#include <algorithm>

namespace holdfast::base::detail {

void copy_digest(std::array<std::byte, 32>& to, ByteView bytes) {
  if (bytes.size() != to.size()) {
    throw Error(ErrorKind::invalid_input,
                "an id has 32 bytes, not " + std::to_string(bytes.size()));
  }
  std::ranges::copy(bytes, to.begin());
}

}  // namespace holdfast::base::detail
