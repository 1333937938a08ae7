#include "claim.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr int looks_max = 100;
constexpr double first_wait_seconds = 0.02;
constexpr double wait_seconds_max = 1;
/// Who holds a claim gives it up long before others take it for that of a dead writer.
constexpr double held_seconds_max = 10;
/// So many take 15 seconds.
constexpr int looks_of_holder = 20;
constexpr std::int64_t stale_after_seconds = 600;
constexpr std::size_t mark_size = 16;

}  // namespace

std::string flat_name(const std::string& name) {
  auto flat = name;
  std::ranges::replace(flat, '/', '~');
  return flat;
}

std::string upload_path(const std::string& name, const std::string& mark) {
  return uploads_folder + flat_name(name) + "~" + mark;
}

Claim::Claim(WebdavClient& client, std::string name, std::string mark)
    : client_(client),
      name_(std::move(name)),
      mark_(std::move(mark)),
      path_(claims_folder + flat_name(name_) + "/"),
      doing_("claiming the name " + name_) {}

Claim::~Claim() {
  if (is_held_) try_to_remove(client_, path_, doing_);
}

bool Claim::take() {
  double wait = first_wait_seconds;
  bool may_be_ours = false;  // an answer got lost: the claim that is there may be the one we made
  for (int look = 0; look < looks_max; ++look) {
    const auto attempt = try_to_take();
    is_held_ = attempt == Attempt::ours;
    if (is_held_) return true;
    may_be_ours = may_be_ours || attempt == Attempt::perhaps_ours;
    // Asked for before the object is: whoever held a claim before this look has its upload there or
    // its object.
    const auto others = may_be_ours ? rivals() : std::vector<std::string>();
    if (look_at(client_, name_, doing_)) return false;
    // Of several that do not know, the first one goes, long after each holder has given up.
    is_held_ = may_be_ours &&
               (others.empty() || (look >= looks_of_holder && mark_ < std::ranges::min(others)));
    if (is_held_) return true;
    break_if_stale();
    client_.wait_for(wait);
    wait = std::min(2 * wait, wait_seconds_max);
  }
  throw Error(
      ErrorKind::conflict,
      fmt::format("storing {} in {}: another writer stores it at this moment, or died doing "
                  "so",
                  name_, client_.store()))
      .set_hint("run it again in ten minutes: then what a dead writer left is taken over");
}

Claim::Attempt Claim::try_to_take() {
  asked_at_ = client_.now();
  bool is_first = true;
  const auto made = client_.retrier().run([&](int failed) {
    is_first = failed == 0;
    return try_make_folder(client_, path_, doing_);
  });
  if (made == MadeFolder::lacks_parent) {
    // The folder of claims was there when writing began.
    throw Error(ErrorKind::not_found, fmt::format("storing {}: the store {} is not there any more",
                                                  name_, client_.store()))
        .set_hint("check the path, and whether the disk is still mounted on the server");
  }
  if (made == MadeFolder::made) return Attempt::ours;
  return is_first && made == MadeFolder::was_there ? Attempt::taken : Attempt::perhaps_ours;
}

std::vector<std::string> Claim::rivals() {
  const auto uploads = list_folders(client_, {uploads_folder}).front();
  const auto start = flat_name(name_) + "~";
  std::vector<std::string> marks;
  if (!uploads) return marks;
  for (const auto& item : uploads->items) {
    if (item.name.size() != start.size() + mark_size || !item.name.starts_with(start)) continue;
    auto mark = item.name.substr(start.size());
    if (mark != mark_) marks.push_back(std::move(mark));
  }
  return marks;
}

void Claim::break_if_stale() {
  const auto claim = list_folders(client_, {path_}).front();
  if (!claim || !claim->server_time || !claim->modified) return;
  if (claim->modified->seconds + stale_after_seconds > claim->server_time->seconds) return;
  remove_path(client_, path_, "removing the claim of a writer that died");
}

void Claim::require_fresh() const {
  if (base::seconds_between(asked_at_, client_.now()) < held_seconds_max) return;
  throw Error(ErrorKind::conflict,
              fmt::format("storing {} in {}: the server took too long between two requests", name_,
                          client_.store()))
      .set_retry(base::Retry::never)
      .set_hint("check the network and the load of the server");
}

}  // namespace holdfast::storage
