// What snapshots reach, without reading trees.
//
// Every run stores, before the index makes its metadata pages known, what each of them names:
// reach/<id>. So the objects together are a graph: its nodes are pages, each described once in its
// life, however many snapshots share it; a snapshot adds what is new in it and nothing else.
// Marking from the roots that snapshot records name gives exactly what is alive. It takes the index
// key, and neither the trees nor a key that reads contents.
//
// Ids are cut to eight bytes. Two ids with one key only make more be kept.
#pragma once

#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/random.hpp"
#include "page_references.hpp"
#include "repository/keys.hpp"
#include "repository/stored_objects.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace holdfast::repository {

inline constexpr std::size_t reach_object_size_max = 64UL * 1024 * 1024;

/// Gathers what new pages name and stores it. Threads: all calls from any thread.
class ReachRecorder {
public:
  ReachRecorder(storage::Backend& backend, const base::RepositoryId& repository,
                const KeyBundle& keys, base::Random& random)
      : backend_(backend), repository_(repository), keys_(keys), random_(random) {}

  void add(const base::ChunkId& page, const PageReferences& references);
  /// Everything added so far is in the store when this returns; returns how many bytes it stored.
  std::uint64_t flush();
  std::size_t pending_bytes() const;

private:
  storage::Backend& backend_;
  const base::RepositoryId& repository_;
  const KeyBundle& keys_;
  base::Random& random_;
  mutable std::mutex mutex_;
  base::Bytes pending_;
};

/// One page of a reach object: as PageReferences, with keys for ids.
struct ReachEntry {
  PageReferences::Shape shape = PageReferences::Shape::plain;
  std::uint64_t page = 0;
  std::vector<std::uint64_t> pages;
  std::vector<std::uint64_t> contents;
  std::vector<NodeCounts> nodes;
  std::vector<std::uint64_t> below;
  std::uint64_t base = 0;
  std::vector<std::uint32_t> superseded;
};
/// Appends an entry to the text of a reach object.
void append_reach_entry(base::Bytes& text, const base::ChunkId& page,
                        const PageReferences& references);
/// Errors: corrupt.
void parse_reach(base::ByteView text, const std::function<void(const ReachEntry&)>& visit);

/// Keys without repetition, ascending: grows by batches, so that memory stays near what is kept.
class KeySet {
public:
  void add(std::uint64_t key);
  /// All keys, sorted, none twice.
  std::vector<std::uint64_t> take();

private:
  void merge();
  std::vector<std::uint64_t> sorted_;
  std::vector<std::uint64_t> added_;
};

/// The graph of all reach objects in a store.
///
/// A whole directory on which overlays stand is needed by each of them without the nodes that it
/// supersedes. What is superseded in all of them, and wanted by nobody else, is dead: else the old
/// content of a file would live as long as its directory has overlays.
class ReachGraph {
public:
  ReachGraph(storage::Backend& backend, const base::RepositoryId& repository, const KeyBundle& keys)
      : backend_(backend), repository_(repository), keys_(keys) {}

  /// Reads which page names which pages. Objects that are damaged are left out.
  void load();
  /// Adds what a page names that no object describes.
  void add(const base::ChunkId& page, const PageReferences& references);
  /// Marks what the pages `roots` reach. Returns pages that are reached and that nothing describes.
  std::vector<std::uint64_t> mark(std::span<const std::uint64_t> roots);
  /// Adds the keys of all that was marked, contents included; reads the objects again.
  /// Errors: also when one of them went since load().
  void collect(KeySet& keys);
  std::size_t object_count() const { return names_.size(); }

private:
  struct Node {
    std::uint64_t page = 0;
    std::uint64_t first_edge = 0;
    std::uint64_t first_place = 0;
    std::uint32_t edges = 0;
    std::uint32_t places = 0;
    PageReferences::Shape shape = PageReferences::Shape::plain;
    bool marked = false;
  };
  /// Places of nodes in a directory, or in the part of it that a page has; ascending.
  using Places = std::vector<std::uint32_t>;
  /// A page that is needed but for some of its nodes.
  struct Reached {
    std::uint64_t page = 0;
    Places dead;
  };
  /// Gives each object's text to `parse`; forgets the names of those that `is_passed` takes.
  void read_all(const std::function<void(base::ByteView text)>& parse,
                const std::function<bool(const base::Error&)>& is_passed);
  void add_node(const ReachEntry& entry);
  void sort();
  std::pair<std::size_t, std::size_t> range_of(std::uint64_t page) const;
  bool is_marked(std::uint64_t page) const;
  bool visit(const Reached& reached);
  void follow(const Node& node, const Places& dead, const Places* revived);
  void collect_contents(const ReachEntry& entry, KeySet& keys) const;

  storage::Backend& backend_;
  const base::RepositoryId& repository_;
  const KeyBundle& keys_;
  std::vector<std::string> names_;
  std::vector<Node> nodes_;           // by page, once sorted
  std::vector<std::uint64_t> edges_;  // pages; of an overlay the base first
  /// Of a leaf and an index page, for each edge: the place of the node that names it, or of the
  /// first node below it. Of an overlay: what it supersedes.
  Places places_;
  std::unordered_map<std::uint64_t, Places> dead_;  // by marked page, where there are any
  std::vector<Reached> waiting_;
  base::Bytes extra_;  // the text of what was added
  bool sorted_ = false;
};

}  // namespace holdfast::repository
