#include "base/error.hpp"
#include "base/units.hpp"
#include "repository/snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace holdfast::repository {

namespace {

constexpr std::size_t prefix_size_min = 4;
/// So many names and candidates are put in a message.
constexpr std::size_t named_max = 8;

std::string describe(const Snapshot& snapshot) {
  return fmt::format("{} ({}, {})", snapshot.id.short_hex(), base::printable(snapshot.site),
                     snapshot.started.to_iso());
}

/// What a person could have meant, for the hint.
std::string what_there_is(const std::vector<Snapshot>& snapshots) {
  if (snapshots.empty()) return "the repository has no snapshots: make one with holdfast backup";
  std::set<std::string> sites;
  for (const auto& snapshot : snapshots)
    sites.insert(base::printable(snapshot.site));
  std::string names;
  std::size_t named = 0;
  for (const auto& site : sites) {
    if (named++ == named_max) break;
    names += names.empty() ? site : ", " + site;
  }
  return fmt::format("there are {} snapshots of {}{}, from {} to {}; holdfast snapshots lists them",
                     snapshots.size(), names, sites.size() > named_max ? ", ..." : "",
                     snapshots.front().started.to_iso(), snapshots.back().started.to_iso());
}

[[noreturn]] void not_found(const std::vector<Snapshot>& snapshots, const std::string& message) {
  throw base::Error(base::ErrorKind::not_found, message).set_hint(what_there_is(snapshots));
}

template <class Wanted>
const Snapshot* find_newest(const std::vector<Snapshot>& snapshots, const Wanted& wanted) {
  for (auto i = snapshots.rbegin(); i != snapshots.rend(); ++i) {
    if (wanted(*i)) return &*i;
  }
  return nullptr;
}

const Snapshot& newest_of_site(const std::vector<Snapshot>& snapshots, std::string_view site) {
  const auto* found =
      find_newest(snapshots, [&](const Snapshot& snapshot) { return snapshot.site == site; });
  if (found) return *found;
  not_found(snapshots, fmt::format("there is no snapshot of site '{}'", base::printable(site)));
}

const Snapshot& newest_at(const std::vector<Snapshot>& snapshots, std::string_view site,
                          std::string_view time_text) {
  auto time = base::parse_time(time_text);
  // A time without a fraction means that whole second.
  if (time.nanoseconds == 0) time.nanoseconds = 999'999'999;
  const auto* found = find_newest(snapshots, [&](const Snapshot& snapshot) {
    return (site.empty() || snapshot.site == site) && snapshot.started <= time;
  });
  if (found) return *found;
  not_found(snapshots,
            fmt::format("there is no snapshot{} at or before {}",
                        site.empty() ? "" : fmt::format(" of site '{}'", base::printable(site)),
                        time.to_iso()));
}

bool is_id_prefix(std::string_view text) {
  const auto is_digit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  return text.size() >= prefix_size_min && text.size() <= 2 * base::SnapshotId::size &&
         std::ranges::all_of(text, is_digit);
}

const Snapshot* find_by_prefix(const std::vector<Snapshot>& snapshots, std::string_view text) {
  std::string prefix(text);
  for (auto& c : prefix)
    c = static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
  std::vector<const Snapshot*> found;
  for (const auto& snapshot : snapshots) {
    if (snapshot.id.hex().starts_with(prefix)) found.push_back(&snapshot);
  }
  if (found.empty()) return nullptr;
  if (found.size() == 1) return found.front();
  std::string candidates;
  for (std::size_t i = 0; i < std::min(found.size(), named_max); ++i) {
    candidates += (i == 0 ? "" : ", ") + describe(*found[i]);
  }
  throw base::Error(
      base::ErrorKind::invalid_input,
      fmt::format("'{}' begins the ids of {} snapshots: {}", text, found.size(), candidates))
      .set_hint("give more digits");
}

}  // namespace

const Snapshot& resolve_snapshot(const std::vector<Snapshot>& snapshots, std::string_view text) {
  constexpr std::string_view latest = "latest";
  if (text == latest) {
    if (snapshots.empty()) not_found(snapshots, "there is no snapshot yet");
    return snapshots.back();
  }
  if (text.starts_with("latest:")) return newest_of_site(snapshots, text.substr(latest.size() + 1));
  if (const auto at = text.rfind('@'); at != std::string_view::npos) {
    return newest_at(snapshots, text.substr(0, at), text.substr(at + 1));
  }
  const auto* of_site =
      find_newest(snapshots, [&](const Snapshot& snapshot) { return snapshot.site == text; });
  if (of_site) return *of_site;
  if (is_id_prefix(text)) {
    if (const auto* found = find_by_prefix(snapshots, text)) return *found;
  }
  not_found(snapshots, fmt::format("there is no snapshot '{}'", base::printable(text)));
}

}  // namespace holdfast::repository
