#include "node_codec.hpp"

#include "base/error.hpp"
#include "wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace holdfast::repository {

namespace {

using sources::EntryKind;

constexpr const char* what = "a tree node";
constexpr std::uint32_t mode_max = 07777;
constexpr std::uint32_t nanoseconds_max = 999'999'999;
/// More than a filesystem lists (64 KiB of names), and a bound for what a hostile page allocates.
constexpr std::size_t attributes_max = 16 * 1024;

[[noreturn]] void corrupt(std::string_view why) {
  throw base::Error(base::ErrorKind::corrupt, fmt::format("{} is damaged: {}", what, why));
}

base::Bytes encode_attribute(const sources::ExtendedAttribute& attribute) {
  base::Bytes bytes;
  WireWriter writer(bytes);
  writer.text(1, attribute.name);
  writer.bytes(2, attribute.value);
  return bytes;
}

base::Bytes encode_list_reference(const ListReference& list) {
  base::Bytes bytes;
  WireWriter writer(bytes);
  writer.bytes(1, list.page.view());
  writer.number(2, list.count);
  return bytes;
}

base::Bytes encode_paged(const PagedContent& paged) {
  base::Bytes bytes;
  WireWriter writer(bytes);
  writer.bytes(1, paged.map_root.view());
  writer.number(2, paged.page_size);
  writer.number(3, paged.block_size);
  writer.number(4, paged.size);
  writer.bytes(5, paged.file_hash.view());
  return bytes;
}

void append_content(WireWriter& writer, const Node& node) {
  if (node.tree) writer.bytes(13, node.tree->view());
  static_assert(sizeof(base::ChunkId) == base::ChunkId::size);
  writer.bytes(14, std::as_bytes(std::span(node.chunks)));
  if (node.chunk_list) writer.bytes(15, encode_list_reference(*node.chunk_list));
  if (!node.entry.holes.empty()) {
    base::Bytes holes;
    append_holes(holes, node.entry.holes);
    writer.bytes(16, holes);
  }
  if (node.hole_list) writer.bytes(17, encode_list_reference(*node.hole_list));
  if (node.paged) writer.bytes(18, encode_paged(*node.paged));
}

sources::ExtendedAttribute parse_attribute(base::ByteView message) {
  WireReader reader(message, "an extended attribute");
  sources::ExtendedAttribute attribute;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        attribute.name = reader.text();
        break;
      case 2:
        attribute.value = base::copy_of(reader.bytes());
        break;
      default:
        reader.unknown_field();
    }
  }
  return attribute;
}

ListReference parse_list_reference(base::ByteView message) {
  WireReader reader(message, "a list reference");
  ListReference list;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        list.page = reader.id<base::ChunkId>();
        break;
      case 2:
        list.count = reader.number();
        break;
      default:
        reader.unknown_field();
    }
  }
  return list;
}

PagedContent parse_paged(base::ByteView message) {
  WireReader reader(message, "a paged content");
  PagedContent paged;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        paged.map_root = reader.id<base::ChunkId>();
        break;
      case 2:
        paged.page_size = reader.number32();
        break;
      case 3:
        paged.block_size = reader.number32();
        break;
      case 4:
        paged.size = reader.number();
        break;
      case 5:
        paged.file_hash = reader.id<base::Hash>();
        break;
      default:
        reader.unknown_field();
    }
  }
  return paged;
}

void parse_field(const WireReader& reader, Node& node) {
  auto& entry = node.entry;
  switch (reader.field()) {
    case 1:
      entry.name = reader.text();
      return;
    case 2:
      entry.size = reader.number();
      return;
    case 3:
      entry.mtime_nanoseconds = reader.number32();
      return;
    case 4:
      entry.mtime_seconds = reader.signed_number();
      return;
    case 5:
      entry.kind = static_cast<EntryKind>(reader.number_up_to(0xff));
      return;
    case 6:
      entry.mode = reader.number32();
      return;
    case 7:
      entry.user_id = reader.number32();
      return;
    case 8:
      entry.group_id = reader.number32();
      return;
    case 9:
      entry.user_name = reader.text();
      return;
    case 10:
      entry.group_name = reader.text();
      return;
    case 11:
      entry.hard_link = reader.number();
      return;
    case 12:
      entry.link_target = reader.text();
      return;
    case 13:
      node.tree = reader.id<base::ChunkId>();
      return;
    case 14:
      parse_ids(reader.bytes(), node.chunks);
      return;
    case 15:
      node.chunk_list = parse_list_reference(reader.bytes());
      return;
    case 16:
      parse_holes(reader.bytes(), entry.holes);
      return;
    case 17:
      node.hole_list = parse_list_reference(reader.bytes());
      return;
    case 18:
      node.paged = parse_paged(reader.bytes());
      return;
    case 19:
      entry.device = reader.number();
      return;
    case 20:
      if (entry.attributes.size() == attributes_max) corrupt("it has too many attributes");
      entry.attributes.push_back(parse_attribute(reader.bytes()));
      return;
    default:
      reader.unknown_field();
  }
}

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

std::string_view problem_of_attributes(const sources::Entry& entry) {
  if (entry.attributes.size() > attributes_max) return "it has too many extended attributes";
  const std::string* before = nullptr;
  for (const auto& attribute : entry.attributes) {
    if (attribute.name.empty() || has_nul(attribute.name)) return "an attribute has a bad name";
    if (before && *before >= attribute.name) return "its attributes are out of order";
    before = &attribute.name;
  }
  return {};
}

std::string_view problem_of_holes(const sources::Entry& entry) {
  std::uint64_t end = 0;
  for (const auto& hole : entry.holes) {
    if (hole.length == 0 || hole.offset < end) return "its holes are out of order";
    if (hole.offset > entry.size || hole.length > entry.size - hole.offset) {
      return "a hole ends behind the file";
    }
    end = hole.offset + hole.length;
  }
  return {};
}

std::string_view problem_of_content(const Node& node) {
  const bool holes = !node.entry.holes.empty() || node.hole_list;
  const bool chunks = !node.chunks.empty() || node.chunk_list;
  if (node.entry.kind != EntryKind::file) {
    if (holes || chunks || node.paged || node.entry.size != 0) return "only files have content";
    return {};
  }
  if (!node.chunks.empty() && node.chunk_list) return "it has two chunk lists";
  if (!node.entry.holes.empty() && node.hole_list) return "it has two hole lists";
  if (node.chunk_list && node.chunk_list->count == 0) return "a long list is empty";
  if (node.hole_list && node.hole_list->count == 0) return "a long list is empty";
  if (node.paged) {
    const auto& paged = *node.paged;
    if (holes || chunks) return "a paged file has no chunks of its own";
    if (paged.page_size == 0 || paged.block_size == 0 || paged.block_size % paged.page_size != 0) {
      return "its page sizes make no sense";
    }
  }
  return problem_of_holes(node.entry);
}

}  // namespace

std::string_view problem_of(const Node& node) {
  const auto& entry = node.entry;
  const bool directory = entry.kind == EntryKind::directory;
  if (entry.kind < EntryKind::file || entry.kind > EntryKind::char_device) {
    return "its kind is unknown";
  }
  if (entry.mode > mode_max) return "its mode has bits that are none";
  if (entry.mtime_nanoseconds > nanoseconds_max) return "its time is not one";
  if ((entry.kind == EntryKind::symlink) == entry.link_target.empty()) {
    return "symbolic links and nothing else have a target";
  }
  if (has_nul(entry.link_target)) return "its link target contains NUL";
  if (node.tree && !directory) return "only directories have a tree";
  if (entry.hard_link != 0 && directory) return "directories have no hard links";
  if (const auto problem = problem_of_attributes(entry); !problem.empty()) return problem;
  return problem_of_content(node);
}

std::string_view problem_of_name(std::string_view name) {
  if (name.empty()) return "it is empty";
  if (name == "." || name == "..") return "it means another directory";
  if (name.size() > name_size_max) return "it is too long";
  if (name.find('/') != std::string_view::npos) return "it contains '/'";
  if (has_nul(name)) return "it contains NUL";
  return {};
}

void append_node(base::Bytes& to, const Node& node) {
  WireWriter writer(to);
  const auto& entry = node.entry;
  writer.text(1, entry.name);
  writer.number(2, entry.size);
  writer.number(3, entry.mtime_nanoseconds);
  writer.signed_number(4, entry.mtime_seconds);
  writer.number(5, static_cast<std::uint64_t>(entry.kind));
  writer.number(6, entry.mode);
  writer.number(7, entry.user_id);
  writer.number(8, entry.group_id);
  writer.text(9, entry.user_name);
  writer.text(10, entry.group_name);
  writer.number(11, entry.hard_link);
  writer.text(12, entry.link_target);
  append_content(writer, node);
  writer.number(19, entry.device);
  for (const auto& attribute : entry.attributes)
    writer.item(20, encode_attribute(attribute));
}

Node parse_node(base::ByteView message) {
  constexpr std::uint64_t repeated = 1 << 20;
  WireReader reader(message, what, repeated);
  Node node;
  node.entry.kind = EntryKind{};
  while (reader.next())
    parse_field(reader, node);
  if (const auto problem = problem_of(node); !problem.empty()) corrupt(problem);
  return node;
}

void append_holes(base::Bytes& to, std::span<const sources::Hole> holes) {
  std::uint64_t end = 0;
  for (const auto& hole : holes) {
    base::put_varint(to, hole.offset - end);
    base::put_varint(to, hole.length);
    end = hole.offset + hole.length;
  }
}

void parse_holes(base::ByteView bytes, std::vector<sources::Hole>& holes) {
  base::ByteReader reader(bytes, "a list of holes");
  std::uint64_t end = 0;
  constexpr std::uint64_t size_max = std::numeric_limits<std::int64_t>::max();
  while (reader.left() > 0) {
    const auto gap = reader.take_varint();
    const auto length = reader.take_varint();
    if (gap > size_max - end || length > size_max - end - gap || length == 0) {
      corrupt("a hole is out of bounds");
    }
    holes.push_back({end + gap, length});
    end += gap + length;
  }
}

void parse_ids(base::ByteView bytes, std::vector<base::ChunkId>& ids) {
  if (bytes.size() % base::ChunkId::size != 0) corrupt("an id is cut off");
  const auto count = bytes.size() / base::ChunkId::size;
  const auto at = ids.size();
  ids.resize(at + count);
  if (count > 0) std::memcpy(ids.data() + at, bytes.data(), bytes.size());
}

}  // namespace holdfast::repository
