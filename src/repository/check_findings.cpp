#include "check_findings.hpp"

#include <algorithm>

namespace holdfast::repository {

namespace {

/// A person reads no more, and a repository that is all damage must not fill the memory.
constexpr std::size_t problems_max = 10'000;
constexpr std::size_t message_size_max = 2'000;
constexpr std::size_t affected_max = 100;
/// Beyond this the whole pack counts as lost.
constexpr std::size_t positions_max = 4'096;
constexpr std::string_view missing_message = "is missing";

}  // namespace

bool is_damage(const base::Error& error) {
  switch (error.kind()) {
    case base::ErrorKind::corrupt:
    case base::ErrorKind::not_found:
    case base::ErrorKind::wrong_key:  // a damaged key commitment
    case base::ErrorKind::io:         // a bad sector of the disk below
      return true;
    default:
      return false;
  }
}

void CheckFindings::add(const std::string& object, std::string_view message) {
  const std::lock_guard lock(mutex_);
  const auto known = problems_.find(object);
  if (known == problems_.end()) {
    if (problems_.size() == problems_max) return;
    problems_[object] = {object, std::string(message), {}};
    return;
  }
  auto& text = known->second.message;
  if (text.size() + message.size() > message_size_max) return;
  if (text.find(message) == std::string::npos) text.append("; ").append(message);
}

bool CheckFindings::has(const std::string& object) const {
  const std::lock_guard lock(mutex_);
  // Beyond the bound nobody knows.
  return problems_.contains(object) || problems_.size() == problems_max;
}

void CheckFindings::add_affected(const std::string& object, std::string_view what) {
  const std::lock_guard lock(mutex_);
  const auto known = problems_.find(object);
  if (known == problems_.end()) return;
  auto& affected = known->second.affected;
  if (affected.size() == affected_max) return;
  if (std::find(affected.begin(), affected.end(), what) == affected.end()) {
    affected.emplace_back(what);
  }
}

void CheckFindings::lose_segment(const base::PackId& pack, std::uint32_t position) {
  const std::lock_guard lock(mutex_);
  auto& lost = lost_[pack];
  if (lost.positions.size() == positions_max) {
    lost.whole = true;
  } else {
    lost.positions.insert(position);
  }
}

void CheckFindings::lose_pack(const base::PackId& pack) {
  const std::lock_guard lock(mutex_);
  lost_[pack].whole = true;
}

void CheckFindings::miss_pack(const base::PackId& pack, const std::string& object,
                              std::string_view where) {
  const auto message = std::string(missing_message).append(where);
  add(object, message);
  lose_pack(pack);
  const std::lock_guard lock(mutex_);
  missing_[object] = message;
}

void CheckFindings::forgive_missing() {
  const std::lock_guard lock(mutex_);
  for (const auto& [object, message] : missing_) {
    const auto found = problems_.find(object);
    if (found == problems_.end()) continue;
    const auto& problem = found->second;
    if (problem.message == message && problem.affected.empty()) problems_.erase(found);
  }
}

bool CheckFindings::lost_any() const {
  const std::lock_guard lock(mutex_);
  return !lost_.empty();
}

bool CheckFindings::lost(const base::PackId& pack, std::uint32_t position) const {
  const std::lock_guard lock(mutex_);
  const auto found = lost_.find(pack);
  return found != lost_.end() &&
         (found->second.whole || found->second.positions.contains(position));
}

std::vector<CheckProblem> CheckFindings::take() {
  const std::lock_guard lock(mutex_);
  std::vector<CheckProblem> all;
  all.reserve(problems_.size());
  for (auto& [object, problem] : problems_)
    all.push_back(std::move(problem));
  return all;
}

}  // namespace holdfast::repository
