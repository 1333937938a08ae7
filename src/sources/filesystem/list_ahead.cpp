#include "sources/filesystem/list_ahead.hpp"

#include "base/task_group.hpp"

#include <condition_variable>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace holdfast::sources {
namespace {

/// A directory that is listed once, by whoever comes first. It is opened no sooner.
class AheadDirectory final : public SourceDirectory {
public:
  AheadDirectory(std::shared_ptr<SourceDirectory> above, ListedEntry listed)
      : above_(std::move(above)), listed_(std::move(listed)) {}
  explicit AheadDirectory(std::shared_ptr<SourceDirectory> opened) : inner_(std::move(opened)) {}

  std::vector<ListedEntry> list(const ProblemSink& problems) override {
    run(Prepare::nothing);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return state_ == State::done; });
    if (failure_) std::rethrow_exception(failure_);
    for (auto& problem : std::exchange(problems_, {}))
      problems(std::move(problem));
    return std::exchange(entries_, {});
  }

  void load_details(ListedEntry& listed, const ProblemSink& problems) override {
    opened().load_details(listed, problems);
  }
  std::unique_ptr<SourceFile> open_file(const ListedEntry& listed) override {
    return opened().open_file(listed);
  }
  std::shared_ptr<SourceDirectory> open_directory(const ListedEntry& listed) override {
    {
      const std::lock_guard lock(mutex_);
      if (auto found = below_.extract(listed.entry.name)) return std::move(found.mapped());
    }
    return opened().open_directory(listed);
  }
  std::string path() const override { return opened().path(); }

  /// Lists unless somebody does or did. Returns the directories below, in order, and the number of
  /// entries.
  struct Below {
    std::vector<std::shared_ptr<AheadDirectory>> directories;
    std::size_t entries = 0;
  };
  Below run_ahead() {
    if (!run(Prepare::below)) return {};
    const std::lock_guard lock(mutex_);
    return {std::exchange(in_order_, {}), entries_.size()};
  }

private:
  enum class State { waiting, running, done };
  enum class Prepare { below, nothing };

  bool run(Prepare prepare) {
    {
      const std::lock_guard lock(mutex_);
      if (state_ != State::waiting) return false;
      state_ = State::running;
    }
    std::vector<ListedEntry> entries;
    std::exception_ptr failure;
    try {
      entries =
          opened().list([&](ItemProblem problem) { problems_.push_back(std::move(problem)); });
    } catch (...) {  // whoever asks for the listing gets it
      failure = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      for (const auto& listed : entries) {
        if (prepare == Prepare::nothing || listed.entry.kind != EntryKind::directory) continue;
        in_order_.push_back(std::make_shared<AheadDirectory>(inner_, listed));
        below_.emplace(listed.entry.name, in_order_.back());
      }
      entries_ = std::move(entries);
      failure_ = failure;
      state_ = State::done;
    }
    changed_.notify_all();
    return true;
  }

  SourceDirectory& opened() const {
    const std::lock_guard lock(opening_);
    if (!inner_) {
      inner_ = above_->open_directory(listed_);
      above_.reset();
    }
    return *inner_;
  }

  mutable std::mutex opening_;
  mutable std::shared_ptr<SourceDirectory> above_;  // until it is opened
  const ListedEntry listed_;
  mutable std::shared_ptr<SourceDirectory> inner_;

  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::waiting;
  std::vector<ListedEntry> entries_;
  std::vector<ItemProblem> problems_;
  std::exception_ptr failure_;
  std::vector<std::shared_ptr<AheadDirectory>> in_order_;
  std::unordered_map<std::string, std::shared_ptr<AheadDirectory>> below_;
};

class AheadTree final : public TreeSource {
public:
  AheadTree(std::unique_ptr<TreeSource> inner, std::size_t entries_max)
      : inner_(std::move(inner)), entries_max_(entries_max) {
    thread_.spawn([this](const std::stop_token& stopping) { run(stopping); });
  }

  const std::string& path() const override { return inner_->path(); }
  ListedEntry root(const ProblemSink& problems) override { return inner_->root(problems); }
  std::shared_ptr<SourceDirectory> open_root() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return started_; });
    if (root_) return std::exchange(root_, nullptr);
    return inner_->open_root();
  }
  std::unique_ptr<SourceFile> open_root_file() override { return inner_->open_root_file(); }
  std::vector<Entry> ancestors() override { return inner_->ancestors(); }

private:
  void run(const std::stop_token& stopping) {
    std::vector<std::shared_ptr<AheadDirectory>> next;
    if (auto root = open_ahead()) next.push_back(std::move(root));
    for (std::size_t entries = 0; !next.empty() && entries < entries_max_;) {
      if (stopping.stop_requested()) return;
      const auto directory = std::move(next.back());
      next.pop_back();
      auto below = directory->run_ahead();
      entries += below.entries;
      next.insert(next.end(), std::make_move_iterator(below.directories.rbegin()),
                  std::make_move_iterator(below.directories.rend()));
    }
  }

  /// Nothing when the root is no directory or cannot be opened: whoever asks for it is told.
  std::shared_ptr<AheadDirectory> open_ahead() {
    std::shared_ptr<AheadDirectory> root;
    try {
      const auto listed = inner_->root([](const ItemProblem&) {});
      if (listed.entry.kind == EntryKind::directory)
        root = std::make_shared<AheadDirectory>(inner_->open_root());
    } catch (const std::exception&) {
      root.reset();
    }
    const std::lock_guard lock(mutex_);
    root_ = root;
    started_ = true;
    changed_.notify_all();
    return root;
  }

  const std::unique_ptr<TreeSource> inner_;
  const std::size_t entries_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool started_ = false;
  std::shared_ptr<AheadDirectory> root_;
  base::TaskGroup thread_;  // last: it uses all the above
};

}  // namespace

std::unique_ptr<TreeSource> list_ahead(std::unique_ptr<TreeSource> inner, std::size_t entries_max) {
  return std::make_unique<AheadTree>(std::move(inner), entries_max);
}

}  // namespace holdfast::sources
