#include "directory_reader.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <sys/syscall.h>

namespace holdfast::sources {
namespace {

constexpr std::size_t first_block_size =
    32 * base::kib;  // some 1000 names: most directories in one call
constexpr std::size_t block_size_max = base::mib;
constexpr std::size_t record_size_max =
    sizeof(dirent64);  // less room than that is not worth a call

/// Nothing more when 0.
std::size_t read_records(int directory, base::MutableBytes into) {
  for (;;) {
    const long got = ::syscall(SYS_getdents64, directory, into.data(), into.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == ENOENT) return 0;
    if (errno != EINTR) throw base::system_error(errno, "reading its entries");
  }
}

bool is_dot_or_dot_dot(std::string_view name) { return name == "." || name == ".."; }

}  // namespace

DirectoryNames DirectoryNames::read(int directory) {
  // A handle may have been listed before.
  if (::lseek(directory, 0, SEEK_SET) < 0) throw base::system_error(errno, "reading its entries");
  DirectoryNames result;
  result.blocks_.emplace_back(first_block_size);
  for (;;) {
    base::Buffer* block = &result.blocks_.back();
    if (block->room() < record_size_max) {
      const std::size_t larger = std::min(block->capacity() * 4, std::size_t{block_size_max});
      block = &result.blocks_.emplace_back(larger);
    }
    const std::size_t got = read_records(directory, block->free_space());
    if (got == 0) break;
    result.add_block(block->data() + block->size(), got);
    block->set_size(block->size() + got);
  }
  std::sort(result.names_.begin(), result.names_.end(),
            [](const Name& a, const Name& b) { return a.text < b.text; });
  return result;
}

void DirectoryNames::add_block(const std::byte* block, std::size_t size) {
  constexpr std::size_t name_at = offsetof(dirent64, d_name);
  for (std::size_t at = 0; at < size;) {
    std::uint16_t length = 0;
    std::memcpy(&length, block + at + offsetof(dirent64, d_reclen), sizeof length);
    if (length <= name_at || length > size - at)
      throw base::Error(base::ErrorKind::io, "the kernel gave a broken entry");
    const auto* name = reinterpret_cast<const char*>(block + at + name_at);
    const std::string_view text(name, ::strnlen(name, length - name_at));
    if (!is_dot_or_dot_dot(text))
      names_.push_back({text, static_cast<unsigned char>(block[at + offsetof(dirent64, d_type)])});
    at += length;
  }
}

const DirectoryNames::Name* DirectoryNames::find(std::string_view name) const {
  const auto at = std::lower_bound(names_.begin(), names_.end(), name,
                                   [](const Name& a, std::string_view b) { return a.text < b; });
  return at != names_.end() && at->text == name ? &*at : nullptr;
}

}  // namespace holdfast::sources
