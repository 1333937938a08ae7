#include "browse/find.hpp"

#include <optional>
#include <utility>

namespace holdfast::browse {

/// A walk that gathers matches per directory, so that those of a whole subtree are known when it
/// was left.
class Finder::Search final : public Visitor {
public:
  explicit Search(Finder& finder) : finder_(finder) { frames_.emplace_back(); }

  Descend see(Place& place) override {
    const auto size = path_.size();
    path_ += '/';
    path_ += place.node.entry.name;
    if (place.recorded && finder_.test_(path_, place.node.entry)) {
      frames_.back().matches.push_back(
          std::make_shared<const Match>(Match{path_, place.node.entry}));
    }
    auto descend = Descend::no;
    if (place.node.entry.kind == sources::EntryKind::directory) descend = enter(place, size);
    if (descend == Descend::no) path_.resize(size);
    return descend;
  }

  void left() override {
    auto frame = std::move(frames_.back());
    frames_.pop_back();
    path_.resize(frame.parent_path_size);
    auto& above = frames_.back().matches;
    above.insert(above.end(), frame.matches.begin(), frame.matches.end());
    if (!frame.key.empty()) finder_.known_.emplace(std::move(frame.key), std::move(frame.matches));
  }

  Matches take() { return std::move(frames_.front().matches); }

private:
  struct Frame {
    std::string key;  // empty: other items begin below, so the tree's id does not say it all
    std::size_t parent_path_size = 0;
    Matches matches;
  };

  Descend enter(const Place& place, std::size_t parent_path_size) {
    std::string key;
    if (place.overlay == nullptr && place.node.tree) {
      key = std::string(base::as_text(place.node.tree->view())) + path_;
      if (const auto known = finder_.known_.find(key); known != finder_.known_.end()) {
        auto& here = frames_.back().matches;
        here.insert(here.end(), known->second.begin(), known->second.end());
        return Descend::no;
      }
    }
    frames_.push_back({std::move(key), parent_path_size, {}});
    return Descend::yes;
  }

  Finder& finder_;
  std::string path_;
  std::vector<Frame> frames_;
};

Matches Finder::find_in(const repository::Snapshot& snapshot) {
  const SnapshotView view(snapshot);
  Search search(*this);
  visit_below(view, view.root(), chunks_, search);
  return search.take();
}

}  // namespace holdfast::browse
