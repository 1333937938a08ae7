#include "json_values.hpp"

#include "base/error_kinds.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

namespace holdfast::cli {

namespace {

std::string exact(base::WallTime time) { return time.to_iso(base::WallTime::Precision::exact); }

void write_statistics(JsonWriter& json, const repository::SnapshotStatistics& statistics) {
  json.key("statistics").begin_object();
  json.field("files", statistics.files).field("directories", statistics.directories);
  json.field("bytes", statistics.bytes).field("files_new", statistics.files_new);
  json.field("bytes_read", statistics.bytes_read).field("bytes_new", statistics.bytes_new);
  json.field("bytes_stored", statistics.bytes_stored).field("problems", statistics.problems);
  json.field("milliseconds", statistics.milliseconds).end_object();
}

void write_item(JsonWriter& json, const repository::SnapshotItem& item) {
  json.begin_object().field("kind", repository::name_of(item.kind)).raw_field("path", item.path);
  json.field("engine", std::string_view(item.stamp.engine));
  json.key("stamp").begin_object();
  for (const auto& [name, value] : item.stamp.values)
    json.field(name, std::string_view(value));
  json.end_object().end_object();
}

char kind_letter(sources::EntryKind kind) {
  switch (kind) {
    case sources::EntryKind::file:
      return '-';
    case sources::EntryKind::directory:
      return 'd';
    case sources::EntryKind::symlink:
      return 'l';
    case sources::EntryKind::fifo:
      return 'p';
    case sources::EntryKind::socket:
      return 's';
    case sources::EntryKind::block_device:
      return 'b';
    case sources::EntryKind::char_device:
      return 'c';
  }
  return '?';
}

}  // namespace

void write_snapshot(JsonWriter& json, const repository::Snapshot& snapshot) {
  json.begin_object().field("id", std::string_view(snapshot.id.hex()));
  json.raw_field("site", snapshot.site).raw_field("host", snapshot.host);
  json.field("kind", repository::name_of(snapshot.kind));
  json.field("time", std::string_view(exact(snapshot.started)));
  json.field("finished", std::string_view(exact(snapshot.finished)));
  json.field("partial", snapshot.partial());
  json.key("tags").begin_array();
  for (const auto& tag : snapshot.tags)
    json.value(std::string_view(tag));
  json.end_array().key("items").begin_array();
  for (const auto& item : snapshot.items)
    write_item(json, item);
  json.end_array().key("parent");
  if (snapshot.parent)
    json.value(std::string_view(snapshot.parent->hex()));
  else
    json.null();
  json.key("hold");
  if (snapshot.hold.empty())
    json.null();
  else
    json.value(std::string_view(snapshot.hold));
  json.key("locked_until");
  if (snapshot.locked_until)
    json.value(std::string_view(exact(*snapshot.locked_until)));
  else
    json.null();
  json.field("sequence", snapshot.sequence);
  json.field("tool_version", std::string_view(snapshot.tool_version));
  write_statistics(json, snapshot.statistics);
  json.end_object();
}

void write_entry_fields(JsonWriter& json, std::string_view path, const sources::Entry& entry) {
  json.raw_field("path", path).field("type", sources::name_of(entry.kind));
  json.field("mode", std::string_view(fmt::format("{:04o}", entry.mode)));
  json.field("user_id", entry.user_id).field("group_id", entry.group_id);
  json.raw_field("user", entry.user_name).raw_field("group", entry.group_name);
  const base::WallTime mtime{entry.mtime_seconds, entry.mtime_nanoseconds};
  json.field("mtime", std::string_view(exact(mtime)));
  if (entry.kind == sources::EntryKind::file) json.field("size", entry.size);
  if (entry.kind == sources::EntryKind::symlink) json.raw_field("target", entry.link_target);
  if (entry.hard_link != 0) json.field("hard_link", entry.hard_link);
}

void write_problems(JsonWriter& json, const std::vector<sources::ItemProblem>& problems) {
  json.key("problems").begin_array();
  for (const auto& problem : problems) {
    json.begin_object().raw_field("path", problem.path);
    json.field("kind", base::row_of(problem.kind).name);
    json.field("message", std::string_view(problem.message)).end_object();
  }
  json.end_array();
}

std::string mode_text(const sources::Entry& entry) {
  std::string text(1, kind_letter(entry.kind));
  for (int shift = 6; shift >= 0; shift -= 3) {
    const auto bits = entry.mode >> shift;
    text += (bits & 4) != 0 ? 'r' : '-';
    text += (bits & 2) != 0 ? 'w' : '-';
    text += (bits & 1) != 0 ? 'x' : '-';
  }
  if ((entry.mode & 04000) != 0) text[3] = text[3] == 'x' ? 's' : 'S';
  if ((entry.mode & 02000) != 0) text[6] = text[6] == 'x' ? 's' : 'S';
  if ((entry.mode & 01000) != 0) text[9] = text[9] == 'x' ? 't' : 'T';
  return text;
}

std::string owner_text(const std::string& name, std::uint32_t id) {
  return name.empty() ? fmt::format("{}", id) : base::printable(name);
}

}  // namespace holdfast::cli
