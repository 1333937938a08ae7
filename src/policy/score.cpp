#include "policy/score.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace holdfast::policy {

namespace {

constexpr std::uint32_t copies_wanted = 3;
constexpr std::uint32_t media_wanted = 2;

bool counts(const Place& place) { return place.production || (place.has_newest && !place.damaged); }

std::uint32_t count_if(std::span<const Place> places, bool Place::* what) {
  return static_cast<std::uint32_t>(std::ranges::count_if(
      places, [&](const Place& place) { return counts(place) && place.*what; }));
}

Rule at_least(std::string name, std::uint32_t wanted, std::uint32_t have, std::string advice) {
  Rule rule{std::move(name), wanted, have, have >= wanted, {}};
  if (!rule.kept) rule.advice = std::move(advice);
  return rule;
}

/// Copies that there are and that lack the newest point come before new ones.
std::string advice_on_copies(std::span<const Place> places) {
  for (const auto& place : places) {
    if (place.production || place.has_newest) continue;
    if (place.name == "repository") return "take a backup: the repository has no point of the site";
    return fmt::format("bring {} up to date: holdfast copy {}", place.name, place.name);
  }
  return "keep another copy: describe a store and name it in 'copies' of the site";
}

Rule rule_of_media(std::span<const Place> places) {
  std::set<std::string> media;
  for (const auto& place : places) {
    if (counts(place)) media.insert(place.medium);
  }
  return at_least(
      "media", media_wanted, static_cast<std::uint32_t>(media.size()),
      fmt::format("everything is on one kind of medium ({}): add a copy on another, such "
                  "as a server, an object store or a removable disk",
                  fmt::join(media, ", ")));
}

std::string error_of(const Place& place, base::WallTime now) {
  if (place.overdue) {
    return fmt::format("{} is overdue: connect it, then holdfast copy {}", place.name, place.name);
  }
  if (place.production || !place.has_newest) return {};
  const auto there = place.url.empty() ? std::string() : " --repo " + place.url;
  if (place.damaged) return fmt::format("{} is damaged: holdfast repair{}", place.name, there);
  if (!place.verified)
    return fmt::format("{} was never read whole: holdfast check{} --read-data", place.name, there);
  const auto age = now.seconds - place.verified->seconds;
  if (age <= place.verify_seconds) return {};
  return fmt::format(
      "{} was last read whole {} days ago: holdfast check{} --read-data-older-than {}d", place.name,
      age / 86'400, there, place.verify_seconds / 86'400);
}

Rule rule_of_errors(std::span<const Place> places, base::WallTime now) {
  Rule rule{"errors", 0, 0, true, {}};
  for (const auto& place : places) {
    const auto error = error_of(place, now);
    if (error.empty()) continue;
    ++rule.have;
    rule.advice += (rule.advice.empty() ? "" : "; ") + error;
  }
  rule.kept = rule.have == 0;
  return rule;
}

}  // namespace

bool Score::kept() const {
  return std::ranges::all_of(rules, [](const Rule& rule) { return rule.kept; });
}

Score score_of(std::span<const Place> places, base::WallTime now) {
  const auto copies = static_cast<std::uint32_t>(std::ranges::count_if(places, counts));
  Score score;
  score.rules.push_back(at_least("copies", copies_wanted, copies, advice_on_copies(places)));
  score.rules.push_back(rule_of_media(places));
  score.rules.push_back(at_least(
      "offsite", 1, count_if(places, &Place::offsite),
      "no copy is in another place: add one, or write 'offsite: true' to the store that is"));
  score.rules.push_back(
      at_least("offline", 1, count_if(places, &Place::out_of_reach),
               "every copy can be changed from here: add a disk with 'offline: true', or a store "
               "that locks objects"));
  score.rules.push_back(rule_of_errors(places, now));
  return score;
}

}  // namespace holdfast::policy
