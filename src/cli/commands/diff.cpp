#include "browse/diff.hpp"

#include "base/task_group.hpp"
#include "base/units.hpp"
#include "browse/find.hpp"
#include "browse/listing.hpp"
#include "browse/path_lookup.hpp"
#include "commands.hpp"
#include "json_values.hpp"
#include "repository/chunk_reader.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace holdfast::cli {

namespace {

/// What is kept of a change until all are known and can be put in the order of their paths.
struct Row {
  browse::ChangeKind kind;
  std::string path;
  sources::EntryKind type;
  std::uint64_t size_before = 0;
  std::uint64_t size_after = 0;
};

char mark_of(browse::ChangeKind kind) {
  switch (kind) {
    case browse::ChangeKind::added:
      return '+';
    case browse::ChangeKind::removed:
      return '-';
    case browse::ChangeKind::content:
      return 'M';
    case browse::ChangeKind::metadata:
      return 'm';
    case browse::ChangeKind::type:
      return 'T';
  }
  return '?';
}

class DiffCommand final : public Command {
public:
  std::string name() const override { return "diff"; }
  bool only_reads() const override { return true; }
  std::string summary() const override { return "Show what changed between two snapshots"; }
  std::string examples() const override {
    return "  holdfast diff 3f9a latest\n"
           "  holdfast diff blog@2026-11-19:/srv/blog blog@2026-11-20:/srv/blog\n"
           "  marks: + added, - removed, M content, m metadata only, T another type\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positional("BEFORE", before_, "a snapshot, or a part of it with :/SUB",
                         Completes::snapshots);
    arguments.positional("AFTER", after_, "another one; without :/SUB the same part",
                         Completes::snapshots);
  }

  int run(Session& session) override {
    // Equal trees are told without reading any: that too is for those who may read.
    session.repository().keys().require(repository::Ability::read_content);
    const auto before = browse::split_target(before_);
    auto after = browse::split_target(after_);
    if (after.path.empty()) after.path = before.path;
    const auto& first = session.snapshot(before.snapshot);
    const auto& second = session.snapshot(after.snapshot);
    auto rows = compare(session, first, before.path, second, after.path);
    std::ranges::sort(rows, {}, &Row::path);
    auto& json = session.console().json();
    json.field("before", std::string_view(first.id.hex()));
    json.field("after", std::string_view(second.id.hex()));
    report(session.console(), rows);
    return base::exit_done;
  }

private:
  static std::vector<Row> compare(Session& session, const repository::Snapshot& first,
                                  const std::string& first_path, const repository::Snapshot& second,
                                  const std::string& second_path) {
    repository::ChunkReader chunks(session.repository_to_read(), browse::kept_tree_bytes);
    const browse::SnapshotView before(first);
    const browse::SnapshotView after(second);
    const auto part = [](const std::string& path) { return path.empty() ? "/" : path; };
    std::vector<Row> rows;
    browse::diff({before, browse::locate(before, part(first_path), chunks)},
                 {after, browse::locate(after, part(second_path), chunks)}, part(second_path),
                 chunks, [&](const browse::Change& change) {
                   base::check_cancelled(session.stopping());
                   const auto* node = change.after != nullptr ? change.after : change.before;
                   rows.push_back({change.kind, change.path, node->entry.kind,
                                   change.before != nullptr ? change.before->entry.size : 0,
                                   change.after != nullptr ? change.after->entry.size : 0});
                 });
    return rows;
  }

  static void report(Console& console, const std::vector<Row>& rows) {
    auto& json = console.json();
    std::map<browse::ChangeKind, std::uint64_t> counts;
    std::uint64_t added_bytes = 0;
    std::uint64_t removed_bytes = 0;
    json.key("changes").begin_array();
    for (const auto& row : rows) {
      ++counts[row.kind];
      added_bytes += row.size_after > row.size_before ? row.size_after - row.size_before : 0;
      removed_bytes += row.size_before > row.size_after ? row.size_before - row.size_after : 0;
      json.begin_object().field("change", browse::name_of(row.kind)).raw_field("path", row.path);
      json.field("type", sources::name_of(row.type));
      json.field("size_before", row.size_before).field("size_after", row.size_after).end_object();
      print(console, row);
    }
    json.end_array().key("summary").begin_object();
    for (const auto kind :
         {browse::ChangeKind::added, browse::ChangeKind::removed, browse::ChangeKind::content,
          browse::ChangeKind::metadata, browse::ChangeKind::type}) {
      json.field(browse::name_of(kind), counts[kind]);
    }
    json.field("bytes_added", added_bytes).field("bytes_removed", removed_bytes).end_object();
    if (rows.empty()) {
      console.line("no differences");
      return;
    }
    console.line(fmt::format(
        "{} added, {} removed, {} changed, {} with other metadata; {} more, {} less",
        with_thousands(counts[browse::ChangeKind::added]),
        with_thousands(counts[browse::ChangeKind::removed]),
        with_thousands(counts[browse::ChangeKind::content] + counts[browse::ChangeKind::type]),
        with_thousands(counts[browse::ChangeKind::metadata]), base::format_byte_count(added_bytes),
        base::format_byte_count(removed_bytes)));
  }

  static void print(Console& console, const Row& row) {
    auto line = fmt::format("{} {}", mark_of(row.kind), base::printable(row.path));
    if (row.type == sources::EntryKind::directory) line += '/';
    if (row.kind == browse::ChangeKind::added) line = console.green(line);
    if (row.kind == browse::ChangeKind::removed) line = console.red(line);
    console.line(line);
  }

  std::string before_;
  std::string after_;
};

}  // namespace

std::unique_ptr<Command> make_diff_command() { return std::make_unique<DiffCommand>(); }

}  // namespace holdfast::cli
