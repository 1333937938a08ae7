#pragma once

#include "base/bytes.hpp"

#include <string_view>
#include <vector>

namespace holdfast::sources {

/// The names of a directory in byte order.
///
/// How:    getdents64 with a large buffer; the names stay where the kernel wrote them and only
/// views are
///         sorted: no allocation per name.
class DirectoryNames {
public:
  struct Name {
    std::string_view text;
    unsigned char type;  // DT_*, DT_UNKNOWN where the filesystem does not say
  };

  /// Without "." and "..". A directory that was removed meanwhile is empty.
  static DirectoryNames read(int directory);

  const std::vector<Name>& sorted() const { return names_; }
  /// Nothing, or the entry of that name.
  const Name* find(std::string_view name) const;

private:
  void add_block(const std::byte* block, std::size_t size);

  std::vector<base::Buffer> blocks_;
  std::vector<Name> names_;
};

}  // namespace holdfast::sources
