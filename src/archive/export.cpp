#include "archive/export.hpp"

#include "archive_writer.hpp"
#include "base/error.hpp"
#include "base/task_group.hpp"
#include "base/units.hpp"
#include "browse/content.hpp"
#include "browse/hard_links.hpp"
#include "browse/listing.hpp"

#include <map>
#include <utility>

namespace holdfast::archive {

namespace {

using browse::Descend;
using browse::Place;
using sources::EntryKind;

/// What will be exported, for progress.
struct Totals {
  std::uint64_t items = 0;
  std::uint64_t bytes = 0;
};

class Export {
public:
  Export(repository::Repository& repository, const repository::Snapshot& snapshot,
         const ExportRequest& request, const std::function<void(base::ByteView)>& sink,
         base::ProgressObserver& progress, const std::stop_token& stopping)
      : view_(snapshot),
        chunks_(repository.chunks()),
        request_(request),
        top_path_(request.path.empty() ? "/" : request.path),
        top_(browse::locate(view_, top_path_, chunks_)),
        made_at_(snapshot.started),
        writer_(request.format, sink),
        progress_(progress),
        stopping_(stopping) {
    while (top_path_.size() > 1 && top_path_.ends_with('/'))
      top_path_.pop_back();
  }

  ExportReport run() {
    const bool tree = top_.node.entry.kind == EntryKind::directory;
    const auto totals = tree ? count() : Totals{1, top_.node.entry.size};
    state_.phase = "export";
    state_.items_total = totals.items;
    state_.bytes_total = totals.bytes;
    if (tree) {
      if (top_.item != nullptr) add("./", top_path_, top_);
      each([this](const std::string& path, const Place& place) {
        add(name_of(path), path, place);
        return Descend::yes;
      });
    } else {
      add(top_path_.substr(top_path_.rfind('/') + 1), top_path_, top_);
    }
    writer_.finish();
    report_.archive_bytes = writer_.bytes_given();
    return std::move(report_);
  }

private:
  void each(const std::function<Descend(const std::string& path, const Place& place)>& visit) {
    browse::list_below(view_, top_, top_path_, chunks_,
                       [&](const std::string& path, const Place& place) {
                         base::check_cancelled(stopping_);
                         return visit(path, place);
                       });
  }

  Totals count() {
    Totals totals;
    each([&](const std::string&, const Place& place) {
      ++totals.items;
      totals.bytes += place.node.entry.size;
      return Descend::yes;
    });
    return totals;
  }

  /// Below the part that is exported, without a slash at the front.
  std::string name_of(const std::string& path) const {
    return path.substr(top_path_ == "/" ? 1 : top_path_.size() + 1);
  }

  void add(const std::string& name, const std::string& path, const Place& place) {
    auto node = place.node;
    if (!place.recorded) {
      // Nobody looked at a directory that only leads to what was taken.
      node.entry.mtime_seconds = made_at_.seconds;
    }
    const auto why = why_left_out(request_.format, node.entry.kind);
    if (!why.empty()) return leave_out(path, why);
    base::with_context([&] { return "exporting " + base::printable(path); },
                       [&] { put(name, path, node, place.item); });
    count_done(path, node.entry);
  }

  void put(const std::string& name, const std::string& path, repository::Node& node,
           const repository::SnapshotItem* item) {
    if (const auto* first = first_name(name, node, item); first != nullptr)
      return writer_.link(name, node.entry, *first);
    repository::attach_lists(node, chunks_);
    writer_.begin(name, node.entry);
    if (node.entry.kind != EntryKind::file) return;
    browse::read_content(node, chunks_, [&](base::ByteView bytes) {
      base::check_cancelled(stopping_);
      writer_.write(bytes);
      show(path, bytes.size());
    });
  }

  /// The name under which this file is in the archive already; null when it is not.
  const std::string* first_name(const std::string& name, const repository::Node& node,
                                const repository::SnapshotItem* item) {
    if (node.entry.hard_link == 0 || !has_hard_links(request_.format)) return nullptr;
    const auto content = browse::content_identity(node);
    const auto [at, added] =
        first_names_.try_emplace({item, node.entry.hard_link}, FirstName{name, content});
    if (added) return nullptr;
    if (at->second.content == content) return &at->second.name;
    at->second = {name, content};
    return nullptr;
  }

  void leave_out(const std::string& path, std::string_view why) {
    ++report_.left_out_count;
    if (report_.left_out.size() < ExportReport::left_out_max)
      report_.left_out.push_back({path, std::string(why)});
  }

  void count_done(const std::string& path, const sources::Entry& entry) {
    ++(entry.kind == EntryKind::file        ? report_.files
       : entry.kind == EntryKind::directory ? report_.directories
                                            : report_.other);
    ++state_.items_done;
    show(path, 0);
  }

  void show(const std::string& path, std::uint64_t bytes) {
    report_.bytes += bytes;
    state_.bytes_done = report_.bytes;
    state_.bytes_stored = writer_.bytes_given();
    if (state_.current != path) state_.current = path;
    progress_.on_progress(state_);
  }

  struct FirstName {
    std::string name;
    base::Hash content;
  };

  const browse::SnapshotView view_;
  repository::ChunkSource& chunks_;
  const ExportRequest& request_;
  std::string top_path_;
  const Place top_;
  const base::WallTime made_at_;
  ArchiveWriter writer_;
  base::ProgressObserver& progress_;
  const std::stop_token& stopping_;
  base::Progress state_;
  ExportReport report_;
  std::map<std::pair<const repository::SnapshotItem*, std::uint64_t>, FirstName> first_names_;
};

}  // namespace

ExportReport export_snapshot(repository::Repository& repository,
                             const repository::Snapshot& snapshot, const ExportRequest& request,
                             const std::function<void(base::ByteView)>& sink,
                             base::ProgressObserver& progress, const std::stop_token& stopping) {
  return Export(repository, snapshot, request, sink, progress, stopping).run();
}

}  // namespace holdfast::archive
