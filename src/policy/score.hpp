#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace holdfast::policy {

/// One place where the data of a site is: the site itself, its repository, a copy of that.
struct Place {
  std::string name;    // "production", "repository", or of the store
  std::string url;     // of a store; empty for the two others
  std::string medium;  // "disk", "removable disk", "server", "object store", ...
  bool production = false;
  bool offsite = false;
  bool out_of_reach = false;  // offline, or locked: nobody can change it from here
  bool has_newest = false;    // the newest point of the site, whole
  bool damaged = false;
  bool overdue = false;  // it should have been connected by now
  /// Everything there was read and found whole since; nothing: some of it never was.
  std::optional<base::WallTime> verified;
  std::int64_t verify_seconds = 30LL * 24 * 3600;  // how old that may be
};

/// One part of the rule 3-2-1-1-0.
struct Rule {
  std::string name;  // "copies", "media", "offsite", "offline", "errors"
  std::uint32_t wanted = 0;
  std::uint32_t have = 0;
  bool kept = false;
  std::string advice;  // what is missing and what to do; empty when kept
};

/// How well the newest point of a site is kept: at least three copies, the site itself among them,
/// on two media, one in another place, one out of reach, and none with errors or long not verified.
struct Score {
  std::vector<Rule> rules;
  bool kept() const;
};
Score score_of(std::span<const Place> places, base::WallTime now);

}  // namespace holdfast::policy
