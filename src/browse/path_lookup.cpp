#include "browse/path_lookup.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::browse {

namespace {

using repository::Node;
using repository::SnapshotItem;

std::string joined(const std::vector<std::string>& components) {
  std::string path;
  for (const auto& component : components)
    path += "/" + component;
  return path.empty() ? "/" : path;
}

bool is_below(const SnapshotItem& item, const std::vector<std::string>& components) {
  const auto parts = split_path(item.path);
  return parts.size() > components.size() &&
         std::equal(components.begin(), components.end(), parts.begin());
}

class PathVisitor final : public Visitor {
public:
  PathVisitor(std::string path,
              const std::function<Descend(const std::string&, const Node&)>& visit)
      : path_(std::move(path)), visit_(visit) {}

  Descend see(Place& place) override {
    lengths_.push_back(path_.size());
    path_ += "/" + place.node.entry.name;
    const bool into = visit_(path_, place.node) == Descend::yes &&
                      place.node.entry.kind == sources::EntryKind::directory;
    if (!into) left();
    return into ? Descend::yes : Descend::no;
  }

  void left() override {
    path_.resize(lengths_.back());
    lengths_.pop_back();
  }

private:
  std::string path_;
  std::vector<std::size_t> lengths_;
  const std::function<Descend(const std::string&, const Node&)>& visit_;
};

/// `found` as a place in a view of the items below it.
Place place_of(const Found& found, const SnapshotView& view, repository::ChunkSource& chunks) {
  Place place = view.root();
  const auto components = split_path(found.path);
  for (const auto& component : components) {
    auto next = view.find(place, component, chunks);
    if (!next) {  // no item begins below
      place = Place{};
      break;
    }
    place = std::move(*next);
  }
  if (found.node) place.node = *found.node;
  place.item = found.item;
  return place;
}

}  // namespace

Found look_up(const repository::Snapshot& snapshot, std::string_view path,
              repository::ChunkSource& chunks) {
  const auto components = split_path(path);
  const SnapshotView view(snapshot);
  Place place = view.root();
  std::vector<std::string> exists;
  for (const auto& component : components) {
    auto next = view.find(place, component, chunks);
    if (!next)
      throw base::Error(base::ErrorKind::not_found,
                        fmt::format("the snapshot has no '{}'", base::printable(path)))
          .set_hint(fmt::format("the longest part of it that exists is '{}'",
                                base::printable(joined(exists))));
    place = std::move(*next);
    exists.push_back(component);
  }
  Found found;
  found.path = joined(components);
  found.item = place.item;
  if (place.recorded) {
    repository::attach_lists(place.node, chunks);
    found.node = std::move(place.node);
  }
  for (const SnapshotItem& item : snapshot.items)
    if (is_below(item, components)) found.below.push_back(&item);
  return found;
}

SnapshotAndPath split_target(std::string_view text) {
  const auto colon = text.find(":/");
  if (colon == std::string_view::npos) return {std::string(text), {}};
  return {std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

void walk(const Found& found, repository::ChunkSource& chunks,
          const std::function<Descend(const std::string& path, const Node& node)>& visit) {
  const SnapshotView view(found.below);
  const Place place = place_of(found, view, chunks);
  if (visit(found.path, place.node) == Descend::no ||
      place.node.entry.kind != sources::EntryKind::directory)
    return;
  PathVisitor visitor(found.path == "/" ? "" : found.path, visit);
  visit_below(view, place, chunks, visitor);
}

}  // namespace holdfast::browse
