#pragma once

#include "base/bounded_queue.hpp"
#include "browse/snapshot_view.hpp"
#include "context.hpp"
#include "deferred.hpp"
#include "extras.hpp"
#include "file_writer.hpp"
#include "hard_links.hpp"
#include "window.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace holdfast::restore {

/// Which parts of a snapshot are wanted, as a tree of path components.
struct Selection {
  std::map<std::string, Selection, std::less<>> children;
  bool selected = false;  // this and all below
};

/// Walks the snapshot in path order, makes directories, looks at what is in the target already, and
/// cuts the work into windows.
/// Threads: one, beside those that restore the windows it made.
class Planner final : public browse::Visitor {
public:
  using WindowQueue = base::BoundedQueue<std::unique_ptr<Window>>;

  /// What it hands work to. Borrowed.
  struct Parts {
    FileWriter& writer;
    Deferred& deferred;
    Extras& extras;
    HardLinks& hard_links;
    WindowQueue& windows;
    const FetchPlanner& fetch;
  };

  Planner(const Context& context, Parts parts, std::stop_token stopping);
  ~Planner() override;

  /// `place` is what `target` stands for; what lies below it in the snapshot comes into it.
  void plan_below(const browse::SnapshotView& view, const browse::Place& place,
                  const Selection& selection, const DirectoryRef& target);
  /// One entry that is no directory, straight into `target`.
  void plan_entry(browse::Place place, const DirectoryRef& target);
  /// Hands over the last window.
  void finish();

  browse::Descend see(browse::Place& place) override;
  void left() override;
  void damaged(const base::Error& error) override;

private:
  /// A directory that the walk is in.
  struct Level {
    DirectoryRef directory;
    const browse::Overlay* overlay = nullptr;
    bool is_way = false;             // leads to what is restored, but is not itself
    std::vector<std::string> names;  // what an existing directory has, in byte order
    std::vector<bool> seen;          // which of them the snapshot has
  };

  void descend(const browse::SnapshotView& view, const browse::Place& place,
               const Selection& selection);
  void enter(DirectoryRef directory, const browse::Place& place, bool is_way);
  void leave();
  bool see_entry(browse::Place& place);
  bool is_journal_of_database(const std::string& name) const;
  /// Whether the target has something under `name` already; it is then not extra.
  bool take_name(const std::string& name);
  void see_directory(browse::Place& place, bool is_way);
  Directory::State make_or_find(const std::string& name, bool exists);
  Directory::State find_directory(int parent, const std::string& name, const std::string& path);
  void make_private_directory(int parent, const std::string& name, const std::string& path);
  void see_file(browse::Place& place);
  FileTask::Placement placement_of(FileTask& task);
  void add_chunks(const FileRef& task, const std::vector<base::ChunkId>& chunks);
  void add_pages(const FileRef& task);
  void add_to_window(const FileRef& task);
  void end_of(const FileRef& task);
  void hand_over();
  void locate();
  void place_pieces();
  void remove_leftovers(Level& level, int directory);

  const Context& context_;
  FileWriter& writer_;
  Deferred& deferred_;
  Extras& extras_;
  HardLinks& hard_links_;
  WindowQueue& windows_;
  const FetchPlanner& fetch_;
  const std::stop_token stopping_;
  std::vector<Level> levels_;
  std::unique_ptr<Window> window_;
  std::uint64_t next_directory_ = 1;
  bool on_the_way_ = false;  // to the start of a selection
};

}  // namespace holdfast::restore
