#include "uploads.hpp"

#include "refusal.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::store_server {

namespace {

/// Each holds a file open.
constexpr std::size_t uploads_max = 300;
constexpr std::ptrdiff_t uploads_of_owner_max = 100;
constexpr double idle_seconds_max = 24.0 * 3600;

}  // namespace

std::shared_ptr<Upload> Uploads::begin(const std::string& owner, const std::string& id,
                                       std::shared_ptr<ServedRepository> repository,
                                       const std::string& name) {
  auto upload = std::make_shared<Upload>(std::move(repository), name);
  const std::lock_guard lock(mutex_);
  drop_old();
  const auto of_owner = std::ranges::count_if(
      entries_, [&](const auto& entry) { return entry.first.first == owner; });
  if (entries_.size() >= uploads_max || of_owner >= uploads_of_owner_max) {
    throw Refusal(status_too_many, base::ErrorKind::unavailable,
                  "there are too many uploads under way");
  }
  return entries_.try_emplace({owner, id}, Entry{std::move(upload), clock_.now()})
      .first->second.upload;
}

std::shared_ptr<Upload> Uploads::find(const std::string& owner, const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find({owner, id});
  if (found == entries_.end()) return nullptr;
  found->second.touched = clock_.now();
  return found->second.upload;
}

void Uploads::drop(const std::string& owner, const std::string& id) {
  const std::lock_guard lock(mutex_);
  entries_.erase({owner, id});
}

void Uploads::drop_old() {
  const auto now = clock_.now();
  std::erase_if(entries_, [&](const auto& entry) {
    return base::seconds_between(entry.second.touched, now) > idle_seconds_max;
  });
}

}  // namespace holdfast::store_server
