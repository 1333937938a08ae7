#include "browse/path_lookup.hpp"

#include "base/error.hpp"
#include "base/ids.hpp"
#include "crypto/blake3.hpp"
#include "repository/tree.hpp"

#include <gmock/gmock.h>

#include <map>

namespace holdfast::browse {
namespace {

using repository::Node;
using sources::EntryKind;
using testing::ElementsAre;

class MemoryPages final : public repository::ChunkSink, public repository::ChunkSource {
public:
  base::ChunkId store(base::ByteView bytes) override {
    const auto id = base::ChunkId::from_bytes(crypto::blake3(bytes).view());
    pages_[id] = base::copy_of(bytes);
    return id;
  }
  base::Bytes load(const base::ChunkId& id) override {
    const auto at = pages_.find(id);
    if (at == pages_.end()) throw base::Error(base::ErrorKind::not_found, "no such page");
    return at->second;
  }
  void lose(const base::ChunkId& id) { pages_.erase(id); }

private:
  std::map<base::ChunkId, base::Bytes> pages_;
};

class PathLookupTest : public testing::Test {
protected:
  static Node file(const std::string& name) {
    Node node;
    node.entry.name = name;
    node.entry.kind = EntryKind::file;
    return node;
  }
  Node directory(const std::string& name, const std::vector<Node>& nodes) {
    Node node;
    node.entry.name = name;
    node.entry.kind = EntryKind::directory;
    node.entry.mode = 0750;
    node.tree = repository::write_tree(nodes, pages_);
    return node;
  }
  static repository::SnapshotItem item(const std::string& path, Node root) {
    repository::SnapshotItem made;
    made.path = path;
    made.root = std::move(root);
    return made;
  }
  /// /srv/blog with a, deep/x, z; a database at /srv/blog/deep/db; /etc/conf.
  repository::Snapshot snapshot() {
    repository::Snapshot made;
    made.items.push_back(item(
        "/srv/blog",
        directory("blog", {file("a"), directory("deep", {file("db"), file("x")}), file("z")})));
    sources::Entry srv;
    srv.name = "srv";
    srv.mode = 0711;
    srv.kind = EntryKind::directory;
    made.items.back().ancestors = {srv};
    auto database = file("db");
    database.entry.size = 77;
    made.items.push_back(item("/srv/blog/deep/db", database));
    made.items.push_back(item("/etc/conf", file("conf")));
    return made;
  }
  std::vector<std::string> walked(const repository::Snapshot& from, std::string_view path,
                                  Descend descend = Descend::yes) {
    std::vector<std::string> seen;
    walk(look_up(from, path, pages_), pages_, [&](const std::string& at, const Node&) {
      seen.push_back(at);
      return descend;
    });
    return seen;
  }
  base::ErrorKind failure(const repository::Snapshot& from, std::string_view path) {
    try {
      look_up(from, path, pages_);
    } catch (const base::Error& error) {
      hint_ = error.hint();
      return error.kind();
    }
    ADD_FAILURE() << path << " was found";
    return base::ErrorKind::io;
  }

  MemoryPages pages_;
  std::string hint_;
};

TEST_F(PathLookupTest, FindsPathsInAndAboveItems) {
  const auto from = snapshot();
  const auto found = look_up(from, "//srv/blog/deep//x/", pages_);
  EXPECT_EQ(found.path, "/srv/blog/deep/x");
  EXPECT_EQ(found.item, &from.items[0]);
  EXPECT_EQ(found.node->entry.name, "x");
  EXPECT_TRUE(found.below.empty());

  const auto above = look_up(from, "/srv", pages_);
  EXPECT_EQ(above.item, nullptr);
  EXPECT_EQ(above.node->entry.mode, 0711U);
  EXPECT_THAT(above.below, ElementsAre(&from.items[0], &from.items[1]));

  EXPECT_FALSE(look_up(from, "/etc", pages_).node.has_value()) << "nobody told how it was";
  EXPECT_EQ(look_up(from, "/", pages_).below.size(), 3U);
}

TEST_F(PathLookupTest, AnInnerItemIsWhatStandsThere) {
  const auto from = snapshot();
  const auto found = look_up(from, "/srv/blog/deep/db", pages_);
  EXPECT_EQ(found.item, &from.items[1]);
  EXPECT_EQ(found.node->entry.size, 77U);
}

TEST_F(PathLookupTest, SaysHowMuchOfAPathExists) {
  const auto from = snapshot();
  EXPECT_EQ(failure(from, "/srv/blog/deep/gone/further"), base::ErrorKind::not_found);
  EXPECT_THAT(hint_, testing::HasSubstr("'/srv/blog/deep'"));
  EXPECT_EQ(failure(from, "/srv/blog/a/below-a-file"), base::ErrorKind::not_found);
}

TEST_F(PathLookupTest, RefusesPathsThatMeanNothing) {
  const auto from = snapshot();
  for (const char* path : {"", "srv", "/srv/../etc", "/srv/./blog", ".."})
    EXPECT_EQ(failure(from, path), base::ErrorKind::invalid_input) << path;
}

TEST_F(PathLookupTest, HostileItemPathsAreDamage) {
  auto from = snapshot();
  for (const char* path : {"relative", "/a/../b", "", "/a/./b"}) {
    from.items[0].path = path;
    EXPECT_EQ(failure(from, "/srv"), base::ErrorKind::corrupt) << path;
  }
}

TEST_F(PathLookupTest, WalksDepthFirstInNameOrder) {
  const auto from = snapshot();
  EXPECT_THAT(walked(from, "/"), ElementsAre("/", "/etc", "/etc/conf", "/srv", "/srv/blog",
                                             "/srv/blog/a", "/srv/blog/deep", "/srv/blog/deep/db",
                                             "/srv/blog/deep/x", "/srv/blog/z"));
  EXPECT_THAT(walked(from, "/srv/blog/deep"),
              ElementsAre("/srv/blog/deep", "/srv/blog/deep/db", "/srv/blog/deep/x"));
  EXPECT_THAT(walked(from, "/srv/blog/a"), ElementsAre("/srv/blog/a"));
  EXPECT_THAT(walked(from, "/srv", Descend::no), ElementsAre("/srv"));
}

TEST_F(PathLookupTest, WalksTreesOfAnyDepth) {
  Node node = file("a");
  for (int i = 0; i < 20'000; ++i)
    node = directory("d", {node, file("e")});
  repository::Snapshot from;
  from.items.push_back(item("/d", node));
  std::size_t seen = 0;
  std::size_t longest = 0;
  walk(look_up(from, "/d", pages_), pages_, [&](const std::string& path, const Node&) {
    ++seen;
    longest = std::max(longest, path.size());
    return Descend::yes;
  });
  EXPECT_EQ(seen, 40'001U);
  EXPECT_EQ(longest, 2U * 20'000 + 2);
}

TEST_F(PathLookupTest, DamageIsThrownUnlessTheVisitorTakesIt) {
  auto from = snapshot();
  const auto deep = repository::find_in_tree(*from.items[0].root.tree, "deep", pages_);
  pages_.lose(*deep->tree);
  EXPECT_THROW(walked(from, "/"), base::Error);

  class Tolerant final : public Visitor {
  public:
    Descend see(Place& place) override {
      names.push_back(place.node.entry.name);
      return Descend::yes;
    }
    void damaged(const base::Error&) override { ++damages; }
    std::vector<std::string> names;
    int damages = 0;
  } visitor;
  const SnapshotView view(from);
  visit_below(view, view.root(), pages_, visitor);
  EXPECT_EQ(visitor.damages, 1);
  EXPECT_THAT(visitor.names, ElementsAre("etc", "conf", "srv", "blog", "a", "deep", "z"));
}

TEST(SplitTarget, AtTheFirstColonBeforeASlash) {
  EXPECT_EQ(split_target("latest").snapshot, "latest");
  EXPECT_EQ(split_target("latest").path, "");
  EXPECT_EQ(split_target("blog@2026-11-20 14:05:/srv/a:/b").snapshot, "blog@2026-11-20 14:05");
  EXPECT_EQ(split_target("blog@2026-11-20 14:05:/srv/a:/b").path, "/srv/a:/b");
}

}  // namespace
}  // namespace holdfast::browse
