#define FUSE_USE_VERSION 312

#include "operations.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "browse/file_reader.hpp"

#include <fuse_lowlevel.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <mutex>
#include <new>
#include <sys/statvfs.h>
#include <vector>

namespace holdfast::mount {

namespace {

/// Nothing below a mount ever changes.
constexpr double valid_seconds = 86'400;
constexpr unsigned failures_said_max = 100;
constexpr std::uint64_t read_ahead_bytes = 16ULL * 1024 * 1024;
constexpr std::size_t name_bytes_max = 255;
constexpr off_t after_dots = 2;  // "." and ".." stand before the entries of a directory

/// A file between open and release.
struct OpenFile {
  browse::FileReader reader;
  std::mutex mutex;
  std::uint64_t next = 0;   // where a sequential reader goes on
  std::uint64_t ahead = 0;  // up to where chunks were wanted

  /// The chunks that a reader who goes on after `end` will need and nobody asked for yet.
  std::vector<base::ChunkId> chunks_ahead(std::uint64_t begin, std::uint64_t end) {
    {
      const std::lock_guard lock(mutex);
      const bool sequential = begin == next;
      next = end;
      if (!sequential || end >= reader.size() || end + read_ahead_bytes / 2 < ahead) return {};
      begin = std::max(ahead, end);
      ahead = end + read_ahead_bytes;
      end = ahead;
    }
    return reader.chunks_in(begin, end - begin);
  }
};

/// A directory between opendir and releasedir; listed when it is first read.
struct OpenDirectory {
  InodeRef inode;
  std::mutex mutex;
  std::shared_ptr<const std::vector<FileTree::Listed>> entries;

  std::shared_ptr<const std::vector<FileTree::Listed>> list(FileTree& tree) {
    {
      const std::lock_guard lock(mutex);
      if (entries) return entries;
    }
    auto listed = std::make_shared<const std::vector<FileTree::Listed>>(tree.list(*inode));
    const std::lock_guard lock(mutex);
    entries = listed;
    return listed;
  }
};

/// Handles travel through the kernel as numbers.
template <class Handle>
std::uint64_t give_away(std::unique_ptr<Handle> handle) {
  return reinterpret_cast<std::uintptr_t>(handle.release());
}
template <class Handle>
Handle& handle_of(const fuse_file_info* info) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): that is what give_away made of it
  return *reinterpret_cast<Handle*>(static_cast<std::uintptr_t>(info->fh));
}
template <class Handle>
void take_back(const fuse_file_info* info) {
  const std::unique_ptr<Handle> dropped(&handle_of<Handle>(info));
}

/// Does `work`, which answers `request` at its end, or says that it failed.
template <class Work>
void answer(fuse_req_t request, Work work) {
  auto& self = *static_cast<Operations*>(fuse_req_userdata(request));
  try {
    work(self);
  } catch (const std::bad_alloc&) {
    ::fuse_reply_err(request, ENOMEM);
  } catch (const std::exception& error) {
    self.warn(error.what());
    ::fuse_reply_err(request, EIO);
  }
}

fuse_entry_param entry_of(const Operations& self, const Inode& inode) {
  fuse_entry_param entry{};
  entry.ino = inode.number;
  entry.attr = self.tree.attributes(inode);
  entry.attr_timeout = valid_seconds;
  entry.entry_timeout = valid_seconds;
  return entry;
}

void init(void* user_data, fuse_conn_info* connection) {
  const auto& self = *static_cast<const Operations*>(user_data);
  const auto want = [&](unsigned capability) {
    connection->want |= connection->capable & capability;
  };
  want(FUSE_CAP_CACHE_SYMLINKS);
  // The kernel then holds other users to the access lists, and not only to the modes.
  if (self.allow_other) want(FUSE_CAP_POSIX_ACL);
}

void lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  answer(request, [&](Operations& self) {
    const auto found = self.tree.find(*self.tree.inode(parent), name);
    if (!found) {
      fuse_entry_param nothing{};
      nothing.entry_timeout = valid_seconds;
      ::fuse_reply_entry(request, &nothing);
      return;
    }
    const auto entry = entry_of(self, *found);
    self.tree.remember(found);
    if (::fuse_reply_entry(request, &entry) != 0) self.tree.forget(found->number, 1);
  });
}

void forget(fuse_req_t request, fuse_ino_t number, std::uint64_t count) {
  static_cast<Operations*>(fuse_req_userdata(request))->tree.forget(number, count);
  ::fuse_reply_none(request);
}

void forget_multi(fuse_req_t request, std::size_t count, fuse_forget_data* forgotten) {
  auto& tree = static_cast<Operations*>(fuse_req_userdata(request))->tree;
  for (std::size_t i = 0; i < count; ++i)
    tree.forget(forgotten[i].ino, forgotten[i].nlookup);
  ::fuse_reply_none(request);
}

void getattr(fuse_req_t request, fuse_ino_t number, fuse_file_info*) {
  answer(request, [&](Operations& self) {
    const auto status = self.tree.attributes(*self.tree.inode(number));
    ::fuse_reply_attr(request, &status, valid_seconds);
  });
}

void readlink(fuse_req_t request, fuse_ino_t number) {
  answer(request, [&](Operations& self) {
    ::fuse_reply_readlink(request, self.tree.inode(number)->place.node.entry.link_target.c_str());
  });
}

void open(fuse_req_t request, fuse_ino_t number, fuse_file_info* info) {
  answer(request, [&](Operations& self) {
    if ((info->flags & O_ACCMODE) != O_RDONLY) {
      ::fuse_reply_err(request, EROFS);
      return;
    }
    const auto inode = self.tree.inode(number);
    std::unique_ptr<OpenFile> file(
        new OpenFile{{inode->place.node, self.repository, self.chunks}, {}, 0, 0});
    info->keep_cache = 1;
    info->fh = give_away(std::move(file));
    if (::fuse_reply_open(request, info) != 0) take_back<OpenFile>(info);
  });
}

void read(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
  answer(request, [&](Operations& self) {
    auto& file = handle_of<OpenFile>(info);
    const auto begin = static_cast<std::uint64_t>(offset);
    const auto rest = file.reader.size() - std::min(file.reader.size(), begin);
    base::Buffer bytes(std::min<std::uint64_t>(size, rest));
    const auto got = file.reader.read(begin, bytes.all());
    self.ahead.want(file.chunks_ahead(begin, begin + got));
    ::fuse_reply_buf(request, reinterpret_cast<const char*>(bytes.data()), got);
  });
}

void release(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  take_back<OpenFile>(info);
  ::fuse_reply_err(request, 0);
}

void seek(fuse_req_t request, fuse_ino_t, off_t offset, int whence, fuse_file_info* info) {
  answer(request, [&](Operations&) {
    const auto& reader = handle_of<OpenFile>(info).reader;
    const auto from = static_cast<std::uint64_t>(offset);
    const auto found = whence == SEEK_DATA   ? reader.next_data(from)
                       : whence == SEEK_HOLE ? reader.next_hole(from)
                                             : std::nullopt;
    if (found)
      ::fuse_reply_lseek(request, static_cast<off_t>(*found));
    else
      ::fuse_reply_err(request, ENXIO);
  });
}

void opendir(fuse_req_t request, fuse_ino_t number, fuse_file_info* info) {
  answer(request, [&](Operations& self) {
    auto directory = std::make_unique<OpenDirectory>();
    directory->inode = self.tree.inode(number);
    info->cache_readdir = 1;
    info->keep_cache = 1;
    info->fh = give_away(std::move(directory));
    if (::fuse_reply_open(request, info) != 0) take_back<OpenDirectory>(info);
  });
}

/// Fills a buffer with entries of a directory, as many as have room.
class DirectoryBuffer {
public:
  DirectoryBuffer(fuse_req_t request, Operations& self, std::size_t size, bool with_attributes)
      : request_(request), self_(self), bytes_(size), with_attributes_(with_attributes) {}

  bool add_dot(const char* name, std::uint64_t number, off_t next) {
    fuse_entry_param entry{};  // no inode: the kernel looks nothing up
    entry.attr.st_ino = number;
    entry.attr.st_mode = S_IFDIR;
    return put(name, entry, next);
  }

  bool add(const std::string& name, const InodeRef& inode, off_t next) {
    const auto entry = entry_of(self_, *inode);
    if (!put(name.c_str(), entry, next)) return false;
    if (!with_attributes_) return true;
    self_.tree.remember(inode);
    told_.push_back(inode->number);
    return true;
  }

  void reply() {
    if (::fuse_reply_buf(request_, bytes_.data(), used_) == 0) return;
    for (const auto number : told_)
      self_.tree.forget(number, 1);
  }

private:
  bool put(const char* name, const fuse_entry_param& entry, off_t next) {
    auto* const at = bytes_.data() + used_;
    const auto room = bytes_.size() - used_;
    const auto needed = with_attributes_
                            ? ::fuse_add_direntry_plus(request_, at, room, name, &entry, next)
                            : ::fuse_add_direntry(request_, at, room, name, &entry.attr, next);
    if (needed > room) return false;
    used_ += needed;
    return true;
  }

  fuse_req_t request_;
  Operations& self_;
  std::vector<char> bytes_;
  const bool with_attributes_;
  std::size_t used_ = 0;
  std::vector<std::uint64_t> told_;
};

void read_directory(fuse_req_t request, std::size_t size, off_t offset, fuse_file_info* info,
                    bool with_attributes) {
  answer(request, [&](Operations& self) {
    auto& directory = handle_of<OpenDirectory>(info);
    const auto entries = directory.list(self.tree);
    DirectoryBuffer buffer(request, self, size, with_attributes);
    bool room = true;
    if (offset == 0) room = buffer.add_dot(".", directory.inode->number, 1);
    if (room && offset <= 1) room = buffer.add_dot("..", FileTree::root_number, after_dots);
    for (auto i = static_cast<std::size_t>(std::max<off_t>(offset, after_dots) - after_dots);
         room && i < entries->size(); ++i) {
      const auto& [name, inode] = (*entries)[i];
      room = buffer.add(name, inode, static_cast<off_t>(i) + 1 + after_dots);
    }
    buffer.reply();
  });
}

void readdir(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
  read_directory(request, size, offset, info, false);
}

void readdirplus(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset,
                 fuse_file_info* info) {
  read_directory(request, size, offset, info, true);
}

void releasedir(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  take_back<OpenDirectory>(info);
  ::fuse_reply_err(request, 0);
}

/// Answers with `value`, or with its size when nobody wants more than that.
void reply_attribute(fuse_req_t request, base::ByteView value, std::size_t size) {
  if (size == 0)
    ::fuse_reply_xattr(request, value.size());
  else if (size < value.size())
    ::fuse_reply_err(request, ERANGE);
  else
    ::fuse_reply_buf(request, reinterpret_cast<const char*>(value.data()), value.size());
}

void getxattr(fuse_req_t request, fuse_ino_t number, const char* name, std::size_t size) {
  answer(request, [&](Operations& self) {
    const auto inode = self.tree.inode(number);
    const auto& attributes = inode->place.node.entry.attributes;
    const auto found = std::ranges::find(attributes, name, &sources::ExtendedAttribute::name);
    if (found == attributes.end())
      ::fuse_reply_err(request, ENODATA);
    else
      reply_attribute(request, found->value, size);
  });
}

void listxattr(fuse_req_t request, fuse_ino_t number, std::size_t size) {
  answer(request, [&](Operations& self) {
    const auto inode = self.tree.inode(number);
    std::string names;
    for (const auto& attribute : inode->place.node.entry.attributes)
      names.append(attribute.name).push_back('\0');
    reply_attribute(request, base::as_bytes(names), size);
  });
}

void statfs(fuse_req_t request, fuse_ino_t) {
  answer(request, [&](Operations&) {
    struct statvfs status{};
    status.f_bsize = 4096;
    status.f_frsize = 4096;
    status.f_namemax = name_bytes_max;
    ::fuse_reply_statfs(request, &status);
  });
}

}  // namespace

void Operations::warn(const std::string& why) {
  const auto number = failures.fetch_add(1);
  if (number < failures_said_max) observer.on_warning(base::printable(why));
  if (number == failures_said_max) observer.on_warning("more failures are not shown");
}

const fuse_lowlevel_ops& operations_table() {
  static const fuse_lowlevel_ops table = [] {
    fuse_lowlevel_ops made{};
    made.init = init;
    made.lookup = lookup;
    made.forget = forget;
    made.forget_multi = forget_multi;
    made.getattr = getattr;
    made.readlink = readlink;
    made.open = open;
    made.read = read;
    made.release = release;
    made.lseek = seek;
    made.opendir = opendir;
    made.readdir = readdir;
    made.readdirplus = readdirplus;
    made.releasedir = releasedir;
    made.getxattr = getxattr;
    made.listxattr = listxattr;
    made.statfs = statfs;
    return made;
  }();
  return table;
}

}  // namespace holdfast::mount
