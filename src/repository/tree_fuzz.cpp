// Pages of trees, lists and maps, and nodes: whatever bytes come, an error or a value that comes
// back alike.

#include "base/error.hpp"
#include "chunk_io_testing.hpp"
#include "list_pages.hpp"
#include "repository/paged_map.hpp"
#include "repository/tree.hpp"
#include "tree_page.hpp"

#include <algorithm>
#include <cstdint>

namespace {

using namespace holdfast;

template <class Decode, class Encode>
void round_trip(base::ByteView bytes, const Decode& decode, const Encode& encode) {
  try {
    const auto once = encode(decode(bytes));
    HF_ASSERT(std::ranges::equal(encode(decode(once)), once), "what was read is written alike");
  } catch (const base::Error& error) {
    HF_ASSERT(
        error.kind() == base::ErrorKind::corrupt || error.kind() == base::ErrorKind::unsupported,
        "what is wrong with bytes is damage or the future");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = std::as_bytes(std::span(data, size));
  switch (data[0]) {
    case 'T':
      round_trip(bytes, repository::decode_tree_page, repository::encode_tree_page);
      return 0;
    case 'L':
      round_trip(bytes, repository::decode_list_page, repository::encode_list_page);
      return 0;
    case 'M':
      round_trip(bytes, repository::decode_map_page, repository::encode_map_page);
      return 0;
    default:
      round_trip(bytes.subspan(1), repository::decode_node_shallow, [](const auto& node) {
        repository::MemoryChunks chunks;
        return repository::encode_node(node, chunks);
      });
      return 0;
  }
}
