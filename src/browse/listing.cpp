#include "browse/listing.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <vector>

namespace holdfast::browse {

namespace {

/// Keeps the path of where a walk is.
class PathVisitor final : public Visitor {
public:
  PathVisitor(const std::string& path,
              const std::function<Descend(const std::string&, const Place&)>& visit)
      : path_(path == "/" ? "" : path), visit_(visit) {}

  Descend see(Place& place) override {
    const auto parent_size = path_.size();
    path_ += '/';
    path_ += place.node.entry.name;
    const bool is_directory = place.node.entry.kind == sources::EntryKind::directory;
    if (visit_(path_, place) == Descend::yes && is_directory) {
      sizes_.push_back(parent_size);
      return Descend::yes;
    }
    path_.resize(parent_size);
    return Descend::no;
  }

  void left() override {
    path_.resize(sizes_.back());
    sizes_.pop_back();
  }

private:
  std::string path_;
  std::vector<std::size_t> sizes_;
  const std::function<Descend(const std::string&, const Place&)>& visit_;
};

}  // namespace

std::string join(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (!path.ends_with('/')) path += '/';
  return path += name;
}

Place locate(const SnapshotView& view, std::string_view path, repository::ChunkSource& chunks) {
  auto place = view.root();
  std::string reached = "/";
  for (const auto& component : split_path(path)) {
    auto next = view.find(place, component, chunks);
    if (!next) {
      throw base::Error(base::ErrorKind::not_found,
                        fmt::format("the snapshot has no {}: {} has no {}", base::printable(path),
                                    base::printable(reached), base::printable(component)));
    }
    place = std::move(*next);
    reached = join(reached, component);
  }
  return place;
}

void list_below(const SnapshotView& view, const Place& directory, const std::string& path,
                repository::ChunkSource& chunks,
                const std::function<Descend(const std::string& path, const Place& place)>& visit) {
  PathVisitor visitor(path, visit);
  visit_below(view, directory, chunks, visitor);
}

}  // namespace holdfast::browse
