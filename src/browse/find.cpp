#include "browse/find.hpp"

#include <algorithm>
#include <string_view>
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

  bool knows_base(repository::TreeBase&& base) override {
    auto& frame = frames_.back();
    if (frame.key.empty()) return false;
    frame.base_key = key_of(base.tree);
    frame.changed = std::move(base.changed);
    const auto known = finder_.known_.find(frame.base_key);
    if (known == finder_.known_.end()) return false;
    if (!std::ranges::includes(frame.changed, known->second.unseen)) return false;
    frame.base = &known->second;
    return true;
  }

  void left() override {
    auto frame = std::move(frames_.back());
    frames_.pop_back();
    if (frame.base != nullptr) {
      frame.matches = with_base(frame);
    } else if (!frame.base_key.empty()) {
      remember_base(frame);
    }
    path_.resize(frame.parent_path_size);
    auto& above = frames_.back().matches;
    above.insert(above.end(), frame.matches.begin(), frame.matches.end());
    if (frame.key.empty()) return;
    finder_.known_.insert_or_assign(std::move(frame.key), Known{std::move(frame.matches), {}});
  }

  Matches take() { return std::move(frames_.front().matches); }

private:
  struct Frame {
    std::string key;  // empty: other items begin below, so the tree's id does not say it all
    std::size_t parent_path_size = 0;
    Matches matches;
    std::string base_key{};              // of the tree that this one says its differences from
    std::vector<std::string> changed{};  // the names that differ
    const Known* base = nullptr;         // when only those are visited
  };

  std::string key_of(const base::ChunkId& tree) const {
    return std::string(base::as_text(tree.view())) + path_;
  }

  Descend enter(const Place& place, std::size_t parent_path_size) {
    std::string key;
    if (place.overlay == nullptr && place.node.tree) {
      key = key_of(*place.node.tree);
      const auto known = finder_.known_.find(key);
      if (known != finder_.known_.end() && known->second.unseen.empty()) {
        auto& here = frames_.back().matches;
        here.insert(here.end(), known->second.matches.begin(), known->second.matches.end());
        return Descend::no;
      }
    }
    frames_.push_back({std::move(key), parent_path_size, {}});
    return Descend::yes;
  }

  /// The name, in the directory that the walk is in, that `match` is or lies below.
  std::string_view name_here(const Match& match) const {
    const auto rest = std::string_view(match.path).substr(path_.size() + 1);
    return rest.substr(0, rest.find('/'));
  }

  bool is_changed(const Frame& frame, const Match& match) const {
    return std::ranges::binary_search(frame.changed, name_here(match));
  }

  /// What was found under the changed names, and what the base has under all others.
  Matches with_base(const Frame& frame) const {
    Matches all;
    auto next = frame.matches.begin();
    for (const auto& match : frame.base->matches) {
      if (is_changed(frame, *match)) continue;
      while (next != frame.matches.end() && name_here(**next) < name_here(*match))
        all.push_back(*next++);
      all.push_back(match);
    }
    all.insert(all.end(), next, frame.matches.end());
    return all;
  }

  /// What was not changed was seen in the base.
  void remember_base(Frame& frame) {
    Known base{{}, std::move(frame.changed)};
    for (const auto& match : frame.matches) {
      if (!std::ranges::binary_search(base.unseen, name_here(*match))) {
        base.matches.push_back(match);
      }
    }
    finder_.known_.insert_or_assign(std::move(frame.base_key), std::move(base));
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
