#include "file_batch.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"

#include <optional>
#include <utility>

namespace holdfast::backup {
namespace {

/// Replaces what stat tells by what it tells now.
void refresh(sources::ListedEntry& listed, const sources::ListedEntry& current) {
  auto& entry = listed.entry;
  entry.mode = current.entry.mode;
  entry.user_id = current.entry.user_id;
  entry.group_id = current.entry.group_id;
  entry.size = current.entry.size;
  entry.mtime_seconds = current.entry.mtime_seconds;
  entry.mtime_nanoseconds = current.entry.mtime_nanoseconds;
  listed.identity = current.identity;
}

/// Reads a small file whole. Returns whether what was read can be trusted; when not, `listed` is
/// fresh for another try.
bool read_whole(PendingEntry& entry, sources::SourceFile& file, base::Buffer& into) {
  const DataExtents extents(entry.listed.entry.size, entry.listed.entry.holes);
  into.reserve_discarding(extents.length());
  into.set_size(0);
  into.set_size(extents.read(file, 0, into.all().first(extents.length())));
  return into.size() == extents.length() && is_unchanged(entry, file);
}

enum class Reading { whole, large, no_content };

/// Keeps what was read last of a file that never stands still: better than nothing, and said so.
void accept_as_read(PendingEntry& entry, const base::Buffer& content, const RunState& run) {
  auto& properties = entry.listed.entry;
  properties.holes.clear();
  properties.size = content.size();
  entry.complete = false;
  run.problems.add({entry.path, base::ErrorKind::conflict,
                    "it changed each time it was read: taken as it was read last"});
}

Reading read_file_content(PendingEntry& entry, base::Buffer& into,
                          const sources::ProblemSink& problems, const RunState& run) {
  for (; entry.attempts < attempts_max; ++entry.attempts) {
    auto file = entry.directory->open_file(entry.listed);
    file->load_details(entry.listed, problems);
    auto& properties = entry.listed.entry;
    // The last attempt reads a small file as it is, holes and all, for it may have to do.
    const bool last = entry.attempts + 1 == attempts_max;
    properties.holes.clear();
    const bool large = properties.size > large_file_size;
    if (properties.size > 0 && (large || !last)) properties.holes = file->find_holes();
    if (large) {
      entry.large = std::move(file);
      return Reading::large;
    }
    if (read_whole(entry, *file, into)) return Reading::whole;
  }
  accept_as_read(entry, into, run);
  return Reading::whole;
}

/// Nothing when it cannot be read, which is a problem of this item only.
std::optional<Reading> read_entry(PendingEntry& entry, base::Buffer& into, const RunState& run) {
  try {
    const auto problems = [&](sources::ItemProblem problem) {
      entry.complete = false;
      run.problems.add(std::move(problem));
    };
    if (entry.listed.entry.kind == sources::EntryKind::file)
      return read_file_content(entry, into, problems, run);
    entry.directory->load_details(entry.listed, problems);
    return Reading::no_content;
  } catch (const base::Error& error) {
    run.problems.add({entry.path, error.kind(), error.what()});
    return std::nullopt;
  }
}

}  // namespace

bool is_unchanged(PendingEntry& entry, sources::SourceFile& file) {
  const auto current = file.current();
  const auto& before = entry.listed;
  const bool same = current.entry.size == before.entry.size &&
                    current.entry.mtime_seconds == before.entry.mtime_seconds &&
                    current.entry.mtime_nanoseconds == before.entry.mtime_nanoseconds &&
                    current.identity == before.identity;
  if (!same) refresh(entry.listed, current);
  return same;
}

void take_batch(FileBatch& batch, ChunkWriter& writer, const RunState& run) {
  for (auto& entry : batch.entries) {
    base::check_cancelled(run.pool.token());
    const auto reading = read_entry(entry, writer.scratch(), run);
    if (!reading || *reading == Reading::large) continue;
    if (*reading == Reading::whole) {
      writer.put_content(writer.scratch().view(), entry.chunks);
      run.counters.bytes_read += writer.scratch().size();
    }
    entry.taken = true;
  }
}

}  // namespace holdfast::backup
