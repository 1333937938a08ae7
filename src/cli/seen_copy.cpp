// What was seen is remembered in the cache folder of the copy, as text: a first line, the time, the
// summary of readings, then a line for each snapshot. A file that does not read so is not there.
#include "seen_copy.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "repository/snapshot.hpp"
#include "storage/location.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>

namespace holdfast::cli {

using base::Error;

namespace {

constexpr std::string_view first_line = "holdfast copy seen 1";
constexpr std::size_t memory_size_max = 64UL * 1024 * 1024;

std::string memory_path(Session& session, const CopyTarget& target) {
  return session.cache_of_copy(storage::parse_location(target.url).url()) + "/seen-copy";
}

void remember(Session& session, const SeenCopy& copy) {
  auto text = fmt::format("{}\n{}\n", first_line, copy.seen->seconds);
  const auto& readings = copy.verified;
  text += fmt::format("{} {} {} {} {} {}\n", readings.packs, readings.bytes, readings.bytes_30_days,
                      readings.never_packs, readings.damaged_packs,
                      readings.oldest_seconds.value_or(-1));
  for (const auto& id : copy.snapshots)
    text += id.hex() + "\n";
  const auto path = memory_path(session, copy.target);
  base::make_directories(path.substr(0, path.rfind('/')), 0700);
  base::write_durably(path, base::as_bytes(text), 0600);
}

/// Takes lines and numbers off the front of a text. Errors: invalid_input.
class Words {
public:
  explicit Words(std::string_view text) : text_(text) {}
  bool empty() const { return text_.empty(); }
  std::string_view take(char end) {
    const auto size = text_.find(end);
    if (size == std::string_view::npos) throw_damaged();
    const auto word = text_.substr(0, size);
    text_.remove_prefix(size + 1);
    return word;
  }
  std::int64_t number(char end) {
    const auto word = take(end);
    std::int64_t value = 0;
    const auto* last = std::to_address(word.end());
    if (std::from_chars(std::to_address(word.begin()), last, value).ptr != last) throw_damaged();
    return value;
  }
  std::uint64_t count(char end) { return static_cast<std::uint64_t>(number(end)); }

private:
  [[noreturn]] static void throw_damaged() {
    throw Error(base::ErrorKind::invalid_input, "what was remembered of a copy makes no sense");
  }
  std::string_view text_;
};

void recall(SeenCopy& copy, std::string_view text) {
  Words words(text);
  if (words.take('\n') != first_line) return;
  const base::WallTime seen{words.number('\n'), 0};
  repository::ReadingSummary readings;
  readings.packs = words.count(' ');
  readings.bytes = words.count(' ');
  readings.bytes_30_days = words.count(' ');
  readings.never_packs = words.count(' ');
  readings.damaged_packs = words.count(' ');
  const auto oldest = words.number('\n');
  if (oldest >= 0) readings.oldest_seconds = oldest;
  std::set<base::SnapshotId> snapshots;
  while (!words.empty())
    snapshots.insert(base::SnapshotId::from_hex(words.take('\n')));
  copy.seen = seen;
  copy.verified = readings;
  copy.snapshots = std::move(snapshots);
}

void recall(Session& session, SeenCopy& copy) {
  try {
    const auto bytes = base::read_file(memory_path(session, copy.target), memory_size_max);
    recall(copy, base::as_text(bytes));
  } catch (const Error&) {
    copy.seen.reset();  // never seen, or no memory of it: both the same to who asks
  }
}

/// Whether a pack is missing that the copy itself means to have, and that any snapshot may need.
bool lost_packs(const copies::CopyPlan& plan, const std::vector<repository::PackInfo>& indexed) {
  return std::ranges::any_of(indexed, [&](const auto& pack) {
    return std::ranges::binary_search(plan.packs, pack.id, {}, &repository::StoredPack::id) ||
           std::ranges::binary_search(plan.away, pack.id, {}, &repository::StoredPack::id);
  });
}

std::set<base::SnapshotId> snapshots_there(Session& session, const copies::CopyPlan& plan) {
  std::set<base::SnapshotId> there;
  for (const auto& snapshot : session.snapshots())
    there.insert(snapshot.id);
  for (const auto& id : plan.snapshots)
    there.erase(id);
  return there;
}

constexpr std::int64_t period_seconds_default = 30LL * 24 * 3600;

}  // namespace

std::int64_t period_of(const CopyTarget& target) {
  if (target.store == nullptr) return period_seconds_default;
  return target.store->period_seconds.value_or(period_seconds_default);
}

bool is_overdue(Session& session, const SeenCopy& copy) {
  if (!copy.target.offline) return false;
  const auto due = session.services().clock().wall_now().seconds - period_of(copy.target);
  const auto lacks = [&](const repository::Snapshot& snapshot) { return !copy.has(snapshot.id); };
  const auto& snapshots = session.snapshots();
  const auto first = std::ranges::find_if(snapshots, lacks);
  if (first == snapshots.end()) return false;
  // Of points that were forgotten meanwhile only the memory of the copy tells.
  return first->started.seconds < due || (copy.seen && copy.seen->seconds < due);
}

SeenCopy look_at_copy(Session& session, const CopyTarget& target) {
  auto& repository = session.repository();
  SeenCopy copy;
  copy.target = target;
  try {
    const auto store = open_copy_store(session, target, false);
    copy.plan = copies::plan_copy(repository, *store);
    const auto opened = session.open_copy(*store, std::nullopt);
    const auto ledger = repository::load_read_ledger(*opened);
    const auto packs = opened->index().packs();
    copy.verified =
        repository::summarize_readings(ledger.ledger, packs, repository::ReadLevel::checksums);
    if (!lost_packs(copy.plan, packs)) copy.snapshots = snapshots_there(session, copy.plan);
    copy.seen = session.services().clock().wall_now();
  } catch (const Error& error) {
    copy.failure = failure_of(error);
    recall(session, copy);
    return copy;
  }
  remember(session, copy);
  return copy;
}

}  // namespace holdfast::cli
