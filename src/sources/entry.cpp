#include "sources/entry.hpp"

#include "base/error.hpp"

namespace holdfast::sources {

std::string_view name_of(EntryKind kind) {
  switch (kind) {
    case EntryKind::file:
      return "file";
    case EntryKind::directory:
      return "directory";
    case EntryKind::symlink:
      return "symlink";
    case EntryKind::fifo:
      return "fifo";
    case EntryKind::socket:
      return "socket";
    case EntryKind::block_device:
      return "block_device";
    case EntryKind::char_device:
      return "char_device";
  }
  HF_ASSERT(false, "an entry kind outside the enumeration is caught where it is decoded");
  return {};
}

mode_t type_of(EntryKind kind) {
  switch (kind) {
    case EntryKind::file:
      return S_IFREG;
    case EntryKind::directory:
      return S_IFDIR;
    case EntryKind::symlink:
      return S_IFLNK;
    case EntryKind::fifo:
      return S_IFIFO;
    case EntryKind::socket:
      return S_IFSOCK;
    case EntryKind::block_device:
      return S_IFBLK;
    case EntryKind::char_device:
      return S_IFCHR;
  }
  HF_ASSERT(false, "an entry kind outside the enumeration is caught where it is decoded");
  return 0;
}

}  // namespace holdfast::sources
