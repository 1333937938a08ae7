#include "report.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::restore {

namespace {

// What a person may still read; a broken repository has as many problems as files.
constexpr std::size_t problems_max = 10'000;
constexpr std::size_t changes_max = 10'000;
// An observer needs no call per small file.
constexpr std::uint64_t items_per_progress = 256;

}  // namespace

Report::Report(base::ProgressObserver& observer, std::uint64_t items_total,
               std::uint64_t bytes_total)
    : observer_(observer), items_total_(items_total), bytes_total_(bytes_total) {}

void Report::problem(const std::string& path, const std::string& message) {
  const std::lock_guard lock(mutex_);
  if (report_.problems.size() < problems_max) {
    report_.problems.push_back({path, message});
  } else {
    ++problems_left_out_;
  }
}

void Report::warn_once(const std::string& message) {
  {
    const std::lock_guard lock(mutex_);
    if (std::find(warned_.begin(), warned_.end(), message) != warned_.end()) return;
    warned_.push_back(message);
  }
  observer_.on_warning(message);
}

void Report::changes(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (report_.plan.to_change.size() < changes_max) report_.plan.to_change.push_back(path);
}

void Report::deletes(const std::string& path) {
  const std::lock_guard lock(mutex_);
  report_.plan.to_delete.push_back(path);
}

void Report::needs(const NeededPack& pack) {
  const std::lock_guard lock(mutex_);
  report_.plan.needed.push_back(pack);
}

void Report::show(const std::string& path) {
  base::Progress progress;
  progress.phase = "restore";
  progress.items_done = items_done_;
  progress.items_total = items_total_;
  progress.bytes_done = bytes_done_;
  progress.bytes_total = bytes_total_;
  progress.current = path;
  observer_.on_progress(progress);
}

void Report::item_done(const std::string& path) {
  if (items_done_.fetch_add(1) % items_per_progress == 0) show(path);
}

void Report::bytes_done(std::uint64_t bytes) {
  constexpr std::uint64_t step = 16 * 1024 * 1024;
  const auto before = bytes_done_.fetch_add(bytes);
  if (before / step != (before + bytes) / step) show({});
}

RestoreReport Report::result() {
  show({});
  const std::lock_guard lock(mutex_);
  RestoreReport result = report_;
  if (problems_left_out_ != 0)
    result.problems.push_back({"", fmt::format("{} more problems", problems_left_out_)});
  std::sort(result.plan.to_delete.begin(), result.plan.to_delete.end());
  std::sort(result.plan.to_change.begin(), result.plan.to_change.end());
  // A pack that stands in the index twice has two numbers.
  auto& needed = result.plan.needed;
  std::ranges::sort(needed, {}, &NeededPack::id);
  const auto rest = std::ranges::unique(needed, {}, &NeededPack::id);
  needed.erase(rest.begin(), rest.end());
  result.plan.files = count.files;
  result.plan.directories = count.directories;
  result.plan.other = count.other;
  result.plan.bytes = count.bytes;
  result.plan.bytes_to_write = count.bytes_to_write;
  result.plan.bytes_to_fetch = count.bytes_to_fetch;
  result.plan.packs = result.plan.needed.size();
  result.files_written = count.files_written;
  result.files_unchanged = count.files_unchanged;
  result.bytes_written = count.bytes_written;
  result.bytes_verified = count.bytes_verified;
  result.deleted = count.deleted;
  return result;
}

}  // namespace holdfast::restore
