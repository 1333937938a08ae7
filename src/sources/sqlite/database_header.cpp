#include "database_header.hpp"

#include "base/error.hpp"
#include "big_endian.hpp"

#include <bit>

namespace holdfast::sources {
namespace {

constexpr std::string_view magic{"SQLite format 3\0", 16};

}  // namespace

std::uint64_t DatabaseHeader::pages(std::uint64_t file_pages) const {
  return page_count == 0 || change_counter != version_valid_for ? file_pages : page_count;
}

DatabaseHeader parse_database_header(base::ByteView bytes) {
  DatabaseHeader header;
  if (bytes.empty()) return header;
  if (bytes.size() < DatabaseHeader::size || base::as_text(bytes.first(magic.size())) != magic)
    throw base::Error(base::ErrorKind::corrupt, "it is not a SQLite database")
        .set_hint("an encrypted database cannot be read either; take a dump by a command instead");
  const auto byte_at = [&](std::size_t at) { return std::to_integer<std::uint32_t>(bytes[at]); };
  // 65536 does not fit and is written as 1.
  const std::uint32_t page_size = byte_at(16) << 8 | byte_at(17);
  header.page_size = page_size == 1 ? 65536 : page_size;
  if (!std::has_single_bit(header.page_size) || header.page_size < 512)
    throw base::Error(base::ErrorKind::corrupt, "its header has no valid page size");
  header.is_wal = byte_at(19) == 2;
  header.change_counter = load_be32(bytes.data() + 24);
  header.page_count = load_be32(bytes.data() + 28);
  header.schema_cookie = load_be32(bytes.data() + 40);
  header.version_valid_for = load_be32(bytes.data() + 92);
  return header;
}

}  // namespace holdfast::sources
