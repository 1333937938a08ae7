#include "base/error.hpp"
#include "net/http.hpp"
#include "webdav_listing.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

using namespace holdfast;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  static_cast<void>(net::parse_http_date(base::as_text(bytes)));
  try {
    static_cast<void>(storage::parse_multistatus(bytes, 100));
  } catch (const base::Error&) {
    return 0;
  }
  return 0;
}
