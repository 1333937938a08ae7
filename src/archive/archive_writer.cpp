#include "archive_writer.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "posix_acl.hpp"
#include "utf8_locale.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <exception>
#include <sys/stat.h>
#include <utility>

namespace holdfast::archive {

namespace {

using sources::Entry;
using sources::EntryKind;

constexpr int block_size = 64 * 1024;
constexpr std::string_view acl_access = "system.posix_acl_access";
constexpr std::string_view acl_default = "system.posix_acl_default";

/// libarchive's types in the hands of unique_ptr.
struct FreeArchive {
  void operator()(struct ::archive* made) const { ::archive_write_free(made); }
};
struct FreeEntry {
  void operator()(struct ::archive_entry* made) const { ::archive_entry_free(made); }
};

int tag_of(AclEntry::Tag tag) {
  switch (tag) {
    case AclEntry::Tag::owner:
      return ARCHIVE_ENTRY_ACL_USER_OBJ;
    case AclEntry::Tag::user:
      return ARCHIVE_ENTRY_ACL_USER;
    case AclEntry::Tag::owning_group:
      return ARCHIVE_ENTRY_ACL_GROUP_OBJ;
    case AclEntry::Tag::group:
      return ARCHIVE_ENTRY_ACL_GROUP;
    case AclEntry::Tag::mask:
      return ARCHIVE_ENTRY_ACL_MASK;
    case AclEntry::Tag::other:
      return ARCHIVE_ENTRY_ACL_OTHER;
  }
  HF_ASSERT(false, "every tag of an access list has its number");
}

/// False when `value` is no access list.
bool add_acl(struct ::archive_entry* to, int type, base::ByteView value) {
  const auto entries = parse_posix_acl(value);
  if (!entries) return false;
  for (const auto& one : *entries) {
    const bool named = one.tag == AclEntry::Tag::user || one.tag == AclEntry::Tag::group;
    ::archive_entry_acl_add_entry(to, type, one.permissions, tag_of(one.tag),
                                  named ? static_cast<int>(one.id) : -1, "");
  }
  return true;
}

void add_attributes(struct ::archive_entry* to, const Entry& entry) {
  for (const auto& attribute : entry.attributes) {
    if (attribute.name == acl_access && add_acl(to, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, attribute.value))
      continue;
    if (attribute.name == acl_default &&
        add_acl(to, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, attribute.value))
      continue;
    ::archive_entry_xattr_add_entry(to, attribute.name.c_str(), attribute.value.data(),
                                    attribute.value.size());
  }
}

/// libarchive wants to know where there is data.
void add_data_extents(struct ::archive_entry* to, const Entry& entry) {
  std::uint64_t at = 0;
  const auto add = [&](std::uint64_t end) {
    if (end > at) {
      ::archive_entry_sparse_add_entry(to, static_cast<la_int64_t>(at),
                                       static_cast<la_int64_t>(end - at));
    }
  };
  for (const auto& hole : entry.holes) {
    add(hole.offset);
    at = hole.offset + hole.length;
  }
  add(entry.size);
  // A file that is one hole has an extent of no bytes at its end, or it would pass for full.
  if (at >= entry.size)
    ::archive_entry_sparse_add_entry(to, static_cast<la_int64_t>(entry.size), 0);
}

/// Before 1970 libarchive writes "-2.25" where -2 s and 250,000,000 ns are meant: it gets the
/// numbers that come out as the right text. The last second before 1970 keeps no fraction.
void set_time(struct ::archive_entry* to, const Entry& entry, Format format) {
  std::int64_t seconds = entry.mtime_seconds;
  std::uint32_t nanoseconds = entry.mtime_nanoseconds;
  if (format != Format::zip && seconds < 0 && nanoseconds > 0) {
    nanoseconds = seconds == -1 ? 0 : 1'000'000'000 - nanoseconds;
    if (seconds != -1) ++seconds;
  }
  ::archive_entry_set_mtime(to, seconds, nanoseconds);
}

std::unique_ptr<struct ::archive_entry, FreeEntry> make_entry(const std::string& path,
                                                              const Entry& entry, Format format) {
  std::unique_ptr<struct ::archive_entry, FreeEntry> made(::archive_entry_new());
  if (!made) throw std::bad_alloc();
  auto* const to = made.get();
  ::archive_entry_set_pathname(to, path.c_str());
  ::archive_entry_set_mode(to, type_of(entry.kind) | entry.mode);
  set_time(to, entry, format);
  ::archive_entry_set_uid(to, entry.user_id);
  ::archive_entry_set_gid(to, entry.group_id);
  if (!entry.user_name.empty()) ::archive_entry_set_uname(to, entry.user_name.c_str());
  if (!entry.group_name.empty()) ::archive_entry_set_gname(to, entry.group_name.c_str());
  return made;
}

void choose_format(struct ::archive* to, Format format) {
  if (format == Format::zip) {
    ::archive_write_set_format_zip(to);
    return;
  }
  ::archive_write_set_format_pax(to);
  // One header for each attribute, the one that GNU tar and star know.
  ::archive_write_set_format_option(to, "pax", "xattrheader", "SCHILY");
  if (format == Format::tar_zst) ::archive_write_add_filter_zstd(to);
}

}  // namespace

std::string_view why_left_out(Format format, EntryKind kind) {
  const bool simple =
      kind == EntryKind::file || kind == EntryKind::directory || kind == EntryKind::symlink;
  if (simple) return {};
  if (format == Format::zip) return "zip has files, directories and symlinks only";
  return kind == EntryKind::socket ? "tar has no sockets" : "";
}

bool has_hard_links(Format format) { return format != Format::zip; }

struct ArchiveWriter::State {
  Utf8Locale locale;
  Format format;
  Sink sink;
  std::uint64_t given = 0;
  std::exception_ptr failure;  // of the sink: exceptions do not pass through C
  bool abandoned = false;      // what libarchive still has goes nowhere
  std::unique_ptr<struct ::archive, FreeArchive> archive;
  std::string current;

  /// Never tells libarchive of a failure, after which it would not free all that it holds: what
  /// follows goes nowhere, and check() throws.
  static la_ssize_t give(struct ::archive*, void* self, const void* bytes, std::size_t size) {
    auto& state = *static_cast<State*>(self);
    if (state.failure || state.abandoned) return static_cast<la_ssize_t>(size);
    try {
      state.sink({static_cast<const std::byte*>(bytes), size});
      state.given += size;
    } catch (const std::exception&) {
      state.failure = std::current_exception();
    }
    return static_cast<la_ssize_t>(size);
  }

  /// Warnings are about names that are no text, which stay as they are.
  void check(la_ssize_t code) {
    if (failure) std::rethrow_exception(failure);
    if (code >= ARCHIVE_WARN) return;
    const auto* why = ::archive_error_string(archive.get());
    throw base::Error(base::ErrorKind::io,
                      fmt::format("putting {} into the archive: {}", base::printable(current),
                                  base::printable(why == nullptr ? "it was refused" : why)));
  }

  void put_header(struct ::archive_entry* entry, const std::string& path) {
    current = path;
    check(::archive_write_header(archive.get(), entry));
  }
};

ArchiveWriter::ArchiveWriter(Format format, Sink sink) : state_(std::make_unique<State>()) {
  state_->format = format;
  state_->sink = std::move(sink);
  state_->archive.reset(::archive_write_new());
  if (!state_->archive) throw std::bad_alloc();
  auto* const to = state_->archive.get();
  choose_format(to, format);
  ::archive_write_set_bytes_per_block(to, block_size);
  ::archive_write_set_bytes_in_last_block(to, 1);
  state_->check(::archive_write_open2(to, state_.get(), nullptr, &State::give, nullptr, nullptr));
}

ArchiveWriter::~ArchiveWriter() {
  // Freeing an archive that was not finished writes the rest of it.
  state_->abandoned = true;
}

void ArchiveWriter::begin(const std::string& path, const Entry& entry) {
  const auto made = make_entry(path, entry, state_->format);
  auto* const to = made.get();
  if (entry.kind == EntryKind::file)
    ::archive_entry_set_size(to, static_cast<la_int64_t>(entry.size));
  if (entry.kind == EntryKind::symlink) ::archive_entry_set_symlink(to, entry.link_target.c_str());
  if (entry.kind == EntryKind::block_device || entry.kind == EntryKind::char_device)
    ::archive_entry_set_rdev(to, entry.device);
  if (state_->format != Format::zip) {
    add_attributes(to, entry);
    if (entry.kind == EntryKind::file && !entry.holes.empty()) add_data_extents(to, entry);
  }
  state_->put_header(to, path);
}

void ArchiveWriter::link(const std::string& path, const Entry& entry, const std::string& first) {
  const auto made = make_entry(path, entry, state_->format);
  ::archive_entry_set_size(made.get(), 0);
  ::archive_entry_set_hardlink(made.get(), first.c_str());
  state_->put_header(made.get(), path);
}

void ArchiveWriter::write(base::ByteView content) {
  while (!content.empty()) {
    const auto taken = ::archive_write_data(state_->archive.get(), content.data(), content.size());
    state_->check(taken);
    if (taken <= 0) {
      throw base::Error(base::ErrorKind::io,
                        fmt::format("{} is longer than its size in the archive",
                                    base::printable(state_->current)));
    }
    content = content.subspan(static_cast<std::size_t>(taken));
  }
}

void ArchiveWriter::finish() {
  state_->current = "the end";
  state_->check(::archive_write_close(state_->archive.get()));
}

std::uint64_t ArchiveWriter::bytes_given() const { return state_->given; }

}  // namespace holdfast::archive
