// What a server says of a folder, read in both ways.
#include "base/error.hpp"
#include "listing.hpp"

#include <cstddef>
#include <cstdint>

using namespace holdfast;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = std::as_bytes(std::span(data, size));
  for (const auto parse : {storage::parse_plain_listing, storage::parse_machine_listing}) {
    try {
      for (const auto& entry : parse(text)) {
        if (entry.name.empty() || entry.name.find('/') != entry.name.npos) __builtin_trap();
      }
    } catch (const base::Error&) {  // allowed
      continue;
    }
  }
  return 0;
}
