#include "backup_copies.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "base/units.hpp"
#include "copies/copy.hpp"
#include "copies/follow.hpp"
#include "copy_report.hpp"
#include "seen_copy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

namespace holdfast::cli {

using base::Error;
using base::ErrorKind;

namespace {

/// A copy that is being kept up to date.
class FollowedCopy {
public:
  FollowedCopy(Session& session, CopyTarget target)
      : session_(session), target_(std::move(target)), result_{target_.name} {}

  void stored(const base::PackId& pack) {
    const std::lock_guard lock(mutex_);
    if (follower_) follower_->stored(pack);
  }
  void finish() {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    if (follower_) follower_->finish();
  }
  /// In a thread of its own.
  void run(const std::stop_token& stopping) {
    try {
      store_ = open_copy_store(session_, target_, false);
      follow(stopping);
      CopyStores stores(session_);
      copies::CopyOptions options;
      options.open_store = [&](const std::string& name) { return stores.find(name); };
      result_.report =
          copies::run_copy(session_.repository(), *store_, options, session_.progress(), stopping);
    } catch (const Error& error) {
      result_.failure = failure_of(error);
      is_away_ = target_.offline && error.kind() == ErrorKind::not_found;
    }
  }
  bool is_away() const { return is_away_; }
  const CopyTarget& target() const { return target_; }
  const CopyResult& result() const { return result_; }

private:
  /// Packs that came before the store was open, and those of earlier runs, are sent by run_copy.
  void follow(const std::stop_token& stopping) {
    {
      const std::lock_guard lock(mutex_);
      follower_ = std::make_unique<copies::PackFollower>(session_.repository(), *store_);
      if (finished_) follower_->finish();
    }
    follower_->run(stopping);
  }

  Session& session_;
  const CopyTarget target_;
  CopyResult result_;
  std::unique_ptr<storage::Backend> store_;
  std::mutex mutex_;  // guards what follows
  std::unique_ptr<copies::PackFollower> follower_;
  bool finished_ = false;
  bool is_away_ = false;
};

void report_away(Session& session, const CopyTarget& target) {
  auto& console = session.console();
  const bool overdue = is_overdue(session, look_at_copy(session, target));
  if (overdue) {
    console.warn(fmt::format(
        "{} is overdue: it lacks points for more than {}; connect it, then: "
        "holdfast copy {}",
        target.name, base::format_duration(static_cast<double>(period_of(target))), target.name));
  } else {
    console.note(fmt::format("{} is away; bring it up to date with: holdfast copy {}", target.name,
                             target.name));
  }
  console.json().begin_object().field("store", std::string_view(target.name));
  console.json().field("state", overdue ? "overdue" : "away").end_object();
}

}  // namespace

struct BackupCopies::State {
  explicit State(const std::stop_token& stopping) : threads(stopping) {}

  std::vector<std::unique_ptr<FollowedCopy>> copies;
  base::TaskGroup threads;  // last: it ends before what it works on
};

BackupCopies::BackupCopies() = default;
BackupCopies::~BackupCopies() = default;

void BackupCopies::begin(Session& session, const std::vector<std::string>& sites) {
  if (state_) return;
  state_ = std::make_unique<State>(session.stopping());
  for (const auto& site : sites) {
    for (auto& target : copy_targets_of_site(session, site)) {
      const auto known = [&](const auto& copy) { return copy->target().name == target.name; };
      if (std::ranges::any_of(state_->copies, known)) continue;
      state_->copies.push_back(std::make_unique<FollowedCopy>(session, std::move(target)));
    }
  }
  for (const auto& copy : state_->copies)
    state_->threads.spawn([&copy = *copy](const std::stop_token& stopping) { copy.run(stopping); });
}

void BackupCopies::stored(const base::PackId& pack) {
  for (const auto& copy : state_->copies)
    copy->stored(pack);
}

void BackupCopies::finish(Session& session) {
  if (!state_ || state_->copies.empty()) return;
  for (const auto& copy : state_->copies)
    copy->finish();
  state_->threads.join();
  auto& console = session.console();
  console.json().key("copies").begin_array();
  for (const auto& copy : state_->copies) {
    if (copy->is_away()) {
      report_away(session, copy->target());
      continue;
    }
    static_cast<void>(report_copy(console, copy->result()));
    // What it has now must be known when it is away.
    if (copy->target().offline) look_at_copy(session, copy->target());
  }
  console.json().end_array();
}

}  // namespace holdfast::cli
