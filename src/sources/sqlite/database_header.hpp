#pragma once

#include "base/bytes.hpp"

#include <cstdint>

namespace holdfast::sources {

/// The first 100 bytes of a SQLite database, as far as we need them.
struct DatabaseHeader {
  static constexpr std::size_t size = 100;

  std::uint32_t page_size = 4096;  // SQLite's default, which an empty file gets
  bool is_wal = false;
  std::uint32_t change_counter = 0;
  std::uint32_t page_count = 0;
  std::uint32_t schema_cookie = 0;
  std::uint32_t version_valid_for = 0;

  /// How many pages the database has, `file_pages` being how many its file has: the header is right
  /// unless an old version of SQLite wrote last. As SQLite decides it.
  std::uint64_t pages(std::uint64_t file_pages) const;
};

/// `bytes` may be empty: an empty file is an empty database. Errors: corrupt, naming no file.
DatabaseHeader parse_database_header(base::ByteView bytes);

}  // namespace holdfast::sources
