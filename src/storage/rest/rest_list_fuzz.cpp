#include "base/error.hpp"
#include "storage/rest/rest_protocol.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

using namespace holdfast;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const auto page = storage::parse_list_page(bytes, "packs/");
    // Numbers may begin with zeros; what we write ourselves is read as the same.
    const auto text = storage::format_list_page(page);
    const auto again = storage::parse_list_page(base::as_bytes(text), "packs/");
    HF_ASSERT(again.objects == page.objects && again.has_more == page.has_more,
              "what is written is what was read");
  } catch (const base::Error&) {
    return 0;
  }
  return 0;
}
