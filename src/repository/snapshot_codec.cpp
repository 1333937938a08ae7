#include "base/error.hpp"
#include "base/units.hpp"
#include "node_codec.hpp"
#include "repository/snapshot.hpp"
#include "wire.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::repository {

namespace {

constexpr const char* what = "a snapshot record";
/// Bounds for what a hostile record allocates; a writer stays below by far.
constexpr std::size_t items_max = 4096;
constexpr std::size_t tags_max = 4096;
constexpr std::size_t stamp_values_max = 4096;

constexpr std::uint64_t bit(unsigned field) { return std::uint64_t{1} << field; }

template <class T>
void expect_room(const WireReader& reader, const std::vector<T>& list, std::size_t max) {
  if (list.size() >= max) reader.corrupt("a list in it is too long");
}

base::Bytes encode_time(const base::WallTime& time) {
  base::Bytes bytes;
  WireWriter writer(bytes);
  writer.signed_number(1, time.seconds);
  writer.number(2, time.nanoseconds);
  return bytes;
}

base::WallTime parse_time_message(base::ByteView message) {
  WireReader reader(message, what);
  base::WallTime time;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        time.seconds = reader.signed_number();
        break;
      case 2:
        time.nanoseconds = static_cast<std::uint32_t>(reader.number_up_to(999'999'999));
        break;
      default:
        reader.unknown_field();
    }
  }
  return time;
}

// --- items

std::vector<std::string_view> components_of(std::string_view path) {
  std::vector<std::string_view> components;
  for (std::size_t begin = 1; begin < path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    components.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return components;
}

/// Why `item` must not be stored or used: a restore makes directories by its path and ancestors.
std::string_view problem_of_item(const SnapshotItem& item) {
  const std::string_view path = item.path;
  if (path.empty() || path.front() != '/') return "its path is not absolute";
  if (path.size() > 1 && path.back() == '/') return "its path ends in '/'";
  const auto components = components_of(path);
  for (const auto component : components) {
    if (!problem_of_name(component).empty()) return "its path has a part that is no name";
  }
  if (item.root.entry.name != (components.empty() ? "" : components.back())) {
    return "its root has another name than its path";
  }
  if (const auto problem = problem_of(item.root); !problem.empty()) return problem;
  if (item.ancestors.empty()) return {};
  if (item.ancestors.size() + 1 != components.size()) return "its ancestors do not fit its path";
  for (std::size_t i = 0; i < item.ancestors.size(); ++i) {
    const auto& ancestor = item.ancestors[i];
    if (ancestor.name != components[i] || ancestor.kind != sources::EntryKind::directory) {
      return "its ancestors do not fit its path";
    }
  }
  return {};
}

base::Bytes encode_stamp_value(const std::pair<std::string, std::string>& value) {
  base::Bytes bytes;
  WireWriter writer(bytes);
  writer.text(1, value.first);
  writer.text(2, value.second);
  return bytes;
}

base::Bytes encode_plain_node(const Node& node) {
  base::Bytes bytes;
  append_node(bytes, node);
  return bytes;
}

base::Bytes encode_item(const SnapshotItem& item) {
  if (const auto problem = problem_of_item(item); !problem.empty()) {
    throw base::Error(
        base::ErrorKind::invalid_input,
        fmt::format("storing the item '{}': {}", base::printable(item.path), problem));
  }
  base::Bytes bytes;
  WireWriter writer(bytes);
  writer.number(1, static_cast<std::uint64_t>(item.kind));
  writer.text(2, item.path);
  writer.bytes(3, encode_plain_node(item.root));
  for (const auto& entry : item.ancestors) {
    Node node;
    node.entry = entry;
    writer.item(4, encode_plain_node(node));
  }
  writer.text(5, item.stamp.engine);
  for (const auto& value : item.stamp.values)
    writer.item(6, encode_stamp_value(value));
  return bytes;
}

std::pair<std::string, std::string> parse_stamp_value(base::ByteView message) {
  WireReader reader(message, what);
  std::pair<std::string, std::string> value;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        value.first = reader.text();
        break;
      case 2:
        value.second = reader.text();
        break;
      default:
        reader.unknown_field();
    }
  }
  return value;
}

ItemKind item_kind(const WireReader& reader) {
  return static_cast<ItemKind>(reader.number_up_to(static_cast<std::uint64_t>(ItemKind::stream)));
}

SnapshotItem parse_item(base::ByteView message) {
  WireReader reader(message, what, bit(4) | bit(6));
  SnapshotItem item;
  item.kind = ItemKind{};
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        item.kind = item_kind(reader);
        break;
      case 2:
        item.path = reader.text();
        break;
      case 3:
        item.root = decode_node_shallow(reader.bytes());
        break;
      case 4:
        item.ancestors.push_back(decode_node_shallow(reader.bytes()).entry);
        break;
      case 5:
        item.stamp.engine = reader.text();
        break;
      case 6:
        expect_room(reader, item.stamp.values, stamp_values_max);
        item.stamp.values.push_back(parse_stamp_value(reader.bytes()));
        break;
      default:
        reader.unknown_field();
    }
  }
  if (item.kind == ItemKind{}) reader.corrupt("an item has no kind");
  if (const auto problem = problem_of_item(item); !problem.empty()) reader.corrupt(problem);
  return item;
}

// --- statistics and problems

using Counter = std::uint64_t SnapshotStatistics::*;
constexpr std::array<Counter, 9> counters = {
    &SnapshotStatistics::files,        &SnapshotStatistics::directories,
    &SnapshotStatistics::bytes,        &SnapshotStatistics::files_new,
    &SnapshotStatistics::bytes_read,   &SnapshotStatistics::bytes_new,
    &SnapshotStatistics::bytes_stored, &SnapshotStatistics::problems,
    &SnapshotStatistics::milliseconds};

base::Bytes encode_statistics(const SnapshotStatistics& statistics) {
  base::Bytes bytes;
  WireWriter writer(bytes);
  for (std::uint32_t i = 0; i < counters.size(); ++i) {
    writer.number(i + 1, statistics.*counters[i]);
  }
  return bytes;
}

SnapshotStatistics parse_statistics(base::ByteView message) {
  WireReader reader(message, what);
  SnapshotStatistics statistics;
  while (reader.next()) {
    if (reader.field() > counters.size()) reader.unknown_field();
    statistics.*counters[reader.field() - 1] = reader.number();
  }
  return statistics;
}

base::Bytes encode_problem(const sources::ItemProblem& problem) {
  base::Bytes bytes;
  WireWriter writer(bytes);
  writer.text(1, problem.path);
  writer.number(2, static_cast<std::uint64_t>(problem.kind));
  writer.text(3, problem.message);
  return bytes;
}

base::ErrorKind error_kind(const WireReader& reader) {
  const auto kind = static_cast<base::ErrorKind>(reader.number_up_to(0xff));
  if (std::ranges::find(base::error_kinds, kind, &base::ErrorKindRow::kind) ==
      base::error_kinds.end()) {
    reader.corrupt("a problem is of no known kind");
  }
  return kind;
}

sources::ItemProblem parse_problem(base::ByteView message) {
  WireReader reader(message, what);
  sources::ItemProblem problem;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        problem.path = reader.text();
        break;
      case 2:
        problem.kind = error_kind(reader);
        break;
      case 3:
        problem.message = reader.text();
        break;
      default:
        reader.unknown_field();
    }
  }
  return problem;
}

// --- what both records have

crypto::PublicKey parse_key(const WireReader& reader) {
  crypto::PublicKey key;
  std::ranges::copy(reader.bytes_of_size(key.size()), key.begin());
  return key;
}

void write_previous(WireWriter& writer, std::uint32_t field, const base::Hash& previous) {
  if (previous != base::Hash{}) writer.bytes(field, previous.view());
}

void write_certificate(WireWriter& writer, std::uint32_t field,
                       const std::optional<Certificate>& certificate) {
  if (certificate) writer.bytes(field, encode_certificate(*certificate));
}

void parse_snapshot_field(const WireReader& reader, Snapshot& snapshot) {
  switch (reader.field()) {
    case 1:
      snapshot.site = reader.text();
      return;
    case 2:
      snapshot.host = reader.text();
      return;
    case 3:
      snapshot.kind = static_cast<SnapshotKind>(
          reader.number_up_to(static_cast<std::uint64_t>(SnapshotKind::safety)));
      return;
    case 4:
      snapshot.started = parse_time_message(reader.bytes());
      return;
    case 5:
      snapshot.finished = parse_time_message(reader.bytes());
      return;
    case 6:
      expect_room(reader, snapshot.items, items_max);
      snapshot.items.push_back(parse_item(reader.bytes()));
      return;
    case 7:
      snapshot.parent = reader.id<base::SnapshotId>();
      return;
    case 8:
      snapshot.statistics = parse_statistics(reader.bytes());
      return;
    case 9:
      expect_room(reader, snapshot.problems, Snapshot::problems_max);
      snapshot.problems.push_back(parse_problem(reader.bytes()));
      return;
    case 10:
      expect_room(reader, snapshot.tags, tags_max);
      snapshot.tags.push_back(reader.text());
      return;
    case 11:
      snapshot.tool_version = reader.text();
      return;
    case 12:
      snapshot.hold = reader.text();
      return;
    case 13:
      snapshot.locked_until = parse_time_message(reader.bytes());
      return;
    case 14:
      snapshot.writer = parse_key(reader);
      return;
    case 15:
      snapshot.sequence = reader.number();
      return;
    case 16:
      snapshot.previous = reader.id<base::Hash>();
      return;
    case 17:
      snapshot.certificate = decode_certificate(reader.bytes());
      return;
    default:
      reader.unknown_field();
  }
}

base::Bytes encode_deleted(const DeletedRecord& deleted) {
  base::Bytes bytes;
  WireWriter writer(bytes);
  writer.bytes(1, deleted.id.view());
  writer.bytes(2, deleted.writer);
  writer.number(3, deleted.sequence);
  return bytes;
}

DeletedRecord parse_deleted(base::ByteView message) {
  WireReader reader(message, "a deletion record");
  DeletedRecord deleted;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        deleted.id = reader.id<base::SnapshotId>();
        break;
      case 2:
        deleted.writer = parse_key(reader);
        break;
      case 3:
        deleted.sequence = reader.number();
        break;
      default:
        reader.unknown_field();
    }
  }
  return deleted;
}

}  // namespace

base::Bytes encode_snapshot(const Snapshot& snapshot) {
  base::Bytes bytes;
  WireWriter writer(bytes);
  writer.text(1, snapshot.site);
  writer.text(2, snapshot.host);
  writer.number(3, static_cast<std::uint64_t>(snapshot.kind));
  writer.bytes(4, encode_time(snapshot.started));
  writer.bytes(5, encode_time(snapshot.finished));
  for (const auto& item : snapshot.items)
    writer.item(6, encode_item(item));
  if (snapshot.parent) writer.bytes(7, snapshot.parent->view());
  writer.bytes(8, encode_statistics(snapshot.statistics));
  const auto problems = std::min(snapshot.problems.size(), Snapshot::problems_max);
  for (std::size_t i = 0; i < problems; ++i)
    writer.item(9, encode_problem(snapshot.problems[i]));
  for (const auto& tag : snapshot.tags)
    writer.item(10, base::as_bytes(tag));
  writer.text(11, snapshot.tool_version);
  writer.text(12, snapshot.hold);
  if (snapshot.locked_until) writer.bytes(13, encode_time(*snapshot.locked_until));
  writer.bytes(14, snapshot.writer);
  writer.number(15, snapshot.sequence);
  write_previous(writer, 16, snapshot.previous);
  write_certificate(writer, 17, snapshot.certificate);
  return bytes;
}

Snapshot decode_snapshot(base::ByteView bytes) {
  WireReader reader(bytes, what, bit(6) | bit(9) | bit(10));
  Snapshot snapshot;
  snapshot.kind = SnapshotKind{};
  while (reader.next())
    parse_snapshot_field(reader, snapshot);
  if (snapshot.kind == SnapshotKind{}) reader.corrupt("it has no kind");
  return snapshot;
}

base::Bytes encode_deletion(const Deletion& deletion) {
  base::Bytes bytes;
  WireWriter writer(bytes);
  for (const auto& deleted : deletion.deleted)
    writer.item(1, encode_deleted(deleted));
  writer.bytes(2, encode_time(deletion.time));
  writer.text(3, deletion.reason);
  writer.bytes(4, deletion.writer);
  writer.number(5, deletion.sequence);
  write_previous(writer, 6, deletion.previous);
  write_certificate(writer, 7, deletion.certificate);
  return bytes;
}

Deletion decode_deletion(base::ByteView bytes) {
  WireReader reader(bytes, "a deletion record", bit(1));
  Deletion deletion;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        deletion.deleted.push_back(parse_deleted(reader.bytes()));
        break;
      case 2:
        deletion.time = parse_time_message(reader.bytes());
        break;
      case 3:
        deletion.reason = reader.text();
        break;
      case 4:
        deletion.writer = parse_key(reader);
        break;
      case 5:
        deletion.sequence = reader.number();
        break;
      case 6:
        deletion.previous = reader.id<base::Hash>();
        break;
      case 7:
        deletion.certificate = decode_certificate(reader.bytes());
        break;
      default:
        reader.unknown_field();
    }
  }
  return deletion;
}

std::string_view name_of(SnapshotKind kind) {
  switch (kind) {
    case SnapshotKind::full:
      return "full";
    case SnapshotKind::incremental:
      return "incremental";
    case SnapshotKind::realtime:
      return "realtime";
    case SnapshotKind::safety:
      return "safety";
  }
  return "unknown";
}

std::string_view name_of(ItemKind kind) {
  switch (kind) {
    case ItemKind::files:
      return "files";
    case ItemKind::config:
      return "config";
    case ItemKind::database:
      return "database";
    case ItemKind::stream:
      return "stream";
  }
  return "unknown";
}

}  // namespace holdfast::repository
