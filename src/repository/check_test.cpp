#include "repository/check.hpp"

#include "base/error.hpp"
#include "index_segment.hpp"
#include "repository/repository_testing.hpp"
#include "repository/snapshot.hpp"
#include "repository/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace holdfast::repository {
namespace {

using base::Bytes;
using base::ChunkId;
using base::Error;
using base::ErrorKind;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CheckTest : public ::testing::Test, protected TestRepository {
protected:
  base::SnapshotId first = take_snapshot({"one", "two"});
  base::SnapshotId second = take_snapshot({"two", "three"});

  /// A directory with 20 files of several chunks; the same for the same name.
  Node make_directory(WriteSession& session, MetadataWriter& trees, const std::string& name) {
    base::SeededRandom content(std::hash<std::string>{}(name));
    pipeline::SegmentBuilder segment(64 * 1024);
    pipeline::SegmentCodec codec(1);
    std::vector<Node> files;
    for (int i = 0; i < 20; ++i) {
      Node file;
      file.entry.name = "file" + std::to_string(10 + i);
      for (int j = 0; j < 3; ++j) {
        Bytes bytes(6000);
        content.fill(bytes);
        file.entry.size += bytes.size();
        file.chunks.push_back(repository->keys().chunk_id(bytes));
        if (!session.claim(file.chunks.back())) continue;
        if (segment.should_seal_before(bytes.size())) {
          session.store(pipeline::PackKind::data, segment, codec);
        }
        segment.add(file.chunks.back(), bytes);
      }
      files.push_back(std::move(file));
    }
    if (!segment.empty()) session.store(pipeline::PackKind::data, segment, codec);
    Node directory;
    directory.entry.kind = sources::EntryKind::directory;
    directory.entry.name = name;
    directory.tree = write_tree(files, trees);
    return directory;
  }

  base::SnapshotId take_snapshot(std::vector<std::string> directories) {
    WriteSession session(*repository, small_packs());
    MetadataWriter trees(session, repository->keys(), 3);
    std::sort(directories.begin(), directories.end());
    std::vector<Node> nodes;
    for (const auto& name : directories)
      nodes.push_back(make_directory(session, trees, name));
    Node root;
    root.entry.kind = sources::EntryKind::directory;
    root.entry.name = "srv";
    root.tree = write_tree(nodes, trees);
    trees.flush();
    session.finish();
    Snapshot snapshot;
    snapshot.site = "blog";
    snapshot.items.push_back({ItemKind::files, "/srv", root, {}, {}});
    return repository->snapshots().commit(snapshot);
  }

  CheckReport run(bool read_data = true) {
    base::NoProgress progress;
    return check(*reopen(), {.read_data = read_data, .threads = 2}, progress, {});
  }
  static std::vector<std::string> objects(const CheckReport& report) {
    std::vector<std::string> all;
    for (const auto& problem : report.problems)
      all.push_back(problem.object);
    return all;
  }
  static std::string print(const CheckReport& report) {
    std::string text;
    for (const auto& problem : report.problems) {
      text += problem.object + ": " + problem.message + "\n";
      for (const auto& who : problem.affected)
        text += "    " + who + "\n";
    }
    return text;
  }
  std::string pack_of(const ChunkId& chunk) const {
    const auto location = repository->index().find(chunk);
    return pack_object_name(repository->index().pack(location->segment.pack).id);
  }
  std::string a_data_pack() const {
    for (const auto& pack : repository->index().packs()) {
      if (pack.kind == pipeline::PackKind::data) return pack_object_name(pack.id);
    }
    return {};
  }
};

TEST_F(CheckTest, AWholeRepositoryIsClean) {
  for (const bool read_data : {false, true}) {
    const auto report = run(read_data);
    EXPECT_TRUE(report.clean()) << print(report);
    EXPECT_EQ(report.snapshots, 2U);
    EXPECT_EQ(report.packs, names("packs/").size());
    EXPECT_EQ(report.chunks, repository->index().chunk_count());
    EXPECT_EQ(report.unused_packs, 0U);
    EXPECT_EQ(report.bytes_read > 1'000'000, read_data);
    EXPECT_EQ(report.bytes_verified > 1'000'000, read_data);
  }
}

TEST_F(CheckTest, EveryFlippedBitInAPackIsNamed) {
  const auto name = a_data_pack();
  const auto whole = object(name);
  for (std::size_t at = 0; at < whole.size(); at += 1 + random.below(whole.size() / 150)) {
    flip(name, at);
    const auto report = run();
    EXPECT_THAT(objects(report), Contains(name)) << at;
    replace(name, whole);
  }
  EXPECT_TRUE(run().clean());
}

TEST_F(CheckTest, AffectedPathsAreThoseThatNeedTheSegment) {
  const auto location = [&] {
    std::optional<ChunkLocation> found;
    repository->index().for_each([&](const ChunkId&, const ChunkLocation& place) {
      const auto pack = repository->index().pack(place.segment.pack);
      if (pack.kind == pipeline::PackKind::data && !found) found = place;
    });
    return *found;
  }();
  const auto name = pack_object_name(repository->index().pack(location.segment.pack).id);
  flip(name, location.segment.offset + 200);
  const auto report = run();
  ASSERT_EQ(objects(report), std::vector{name}) << print(report);
  const auto& affected = report.problems[0].affected;
  EXPECT_FALSE(affected.empty());
  for (const auto& who : affected) {
    EXPECT_THAT(who, ::testing::MatchesRegex("[0-9a-f]{8}:/srv/(one|two|three)/file[0-9]+"));
  }
  EXPECT_LE(affected.size(), 30U);
  EXPECT_TRUE(run(false).clean());
}

TEST_F(CheckTest, AMissingDataPackNamesBothSnapshotsThatShareIt) {
  WriteSession session(*repository, small_packs());
  MetadataWriter trees(session, repository->keys(), 3);
  const auto shared = make_directory(session, trees, "two");
  Node file;
  read_tree(*shared.tree, repository->chunks(), [&](Node&& node) {
    file = std::move(node);
    return false;
  });
  const auto name = pack_of(file.chunks[0]);
  memory->remove(name);
  for (const bool read_data : {false, true}) {
    const auto report = run(read_data);
    ASSERT_EQ(objects(report), std::vector{name}) << print(report);
    EXPECT_EQ(report.problems[0].message, "is missing");
    EXPECT_THAT(report.problems[0].affected, Contains(first.short_hex() + ":/srv/two/file10"));
    EXPECT_THAT(report.problems[0].affected, Contains(second.short_hex() + ":/srv/two/file10"));
  }
}

TEST_F(CheckTest, APackThatGoesMeanwhileIsMissedOnlyIfItIsNeeded) {
  const auto needed = a_data_pack();
  const auto before = names("packs/");
  {
    WriteSession session(*repository, small_packs());
    MetadataWriter trees(session, repository->keys(), 3);
    make_directory(session, trees, "of nobody");
    trees.flush();
    session.finish();
  }
  const auto all = names("packs/");
  const auto unneeded = *std::ranges::find_if(
      all, [&](const auto& name) { return std::ranges::find(before, name) == before.end(); });
  for (const bool read_data : {false, true}) {
    for (const auto& gone : {unneeded, needed}) {
      const auto bytes = object(gone);
      plan = [&](storage::Operation operation, const std::string& name, std::uint64_t) {
        if (operation == storage::Operation::read && name == gone) memory->remove(gone);
        return std::nullopt;
      };
      const auto report = run(read_data);
      plan = nullptr;
      replace(gone, bytes);
      if (gone == unneeded) {
        EXPECT_TRUE(report.clean()) << print(report);
      } else {
        ASSERT_EQ(objects(report), std::vector{needed}) << print(report);
        EXPECT_EQ(report.problems[0].message, "is missing");
        EXPECT_THAT(report.problems[0].affected, ::testing::Not(IsEmpty()));
      }
    }
  }
}

TEST_F(CheckTest, ALostTreePackNamesTheDirectories) {
  const auto snapshot = repository->snapshots().load(first);
  const auto name = pack_of(*snapshot.items[0].root.tree);
  memory->remove(name);
  const auto report = run(false);
  EXPECT_EQ(objects(report), std::vector{name}) << print(report);
  EXPECT_THAT(report.problems[0].affected, Contains(first.short_hex() + ":/srv"));
}

TEST_F(CheckTest, TruncatedAndPaddedPacksAreNamed) {
  const auto name = a_data_pack();
  const auto whole = object(name);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{100}, whole.size() / 2, whole.size() - 1, whole.size() + 1}) {
    auto changed = whole;
    changed.resize(size);
    replace(name, changed);
    EXPECT_THAT(objects(run(false)), Contains(name)) << size;
    EXPECT_THAT(objects(run(true)), Contains(name)) << size;
  }
}

TEST_F(CheckTest, TwoPacksThatChangedPlacesAreNamed) {
  const auto packs = names("packs/");
  const auto a = object(packs[0]);
  const auto b = object(packs[1]);
  replace(packs[0], b);
  replace(packs[1], a);
  const auto report = run(false);
  EXPECT_THAT(objects(report), Contains(packs[0]));
  EXPECT_THAT(objects(report), Contains(packs[1]));
}

TEST_F(CheckTest, APackUnderASecondNameIsNamedAndChangesNothing) {
  const auto name = a_data_pack();
  auto other = name;
  other.back() = other.back() == '0' ? '1' : '0';
  replace(other, object(name));
  const auto report = run();
  EXPECT_EQ(objects(report), std::vector{other}) << print(report);
  EXPECT_THAT(report.problems[0].message, HasSubstr(name));
}

TEST_F(CheckTest, DamageInSmallObjectsIsNamed) {
  for (const auto* prefix : {"index/", "snapshots/", "keys/"}) {
    const auto name = names(prefix).at(0);
    const auto whole = object(name);
    if (std::string_view(prefix) == "keys/") {
      replace("keys/0000000000000000", base::as_bytes("junk"));
      EXPECT_THAT(objects(run(false)), Contains("keys/0000000000000000"));
      memory->remove("keys/0000000000000000");
      continue;
    }
    for (const auto at : {std::size_t{0}, whole.size() / 2, whole.size() - 1}) {
      flip(name, at);
      EXPECT_THAT(objects(run(false)), Contains(name)) << at;
      replace(name, whole);
    }
  }
  for (const auto& name : format_names()) {
    const auto whole = object(name);
    flip(name, whole.size() / 2);
    EXPECT_EQ(objects(run(false)), std::vector{name});
    memory->remove(name);
    EXPECT_EQ(objects(run(false)), std::vector{name});
    replace(name, whole);
  }
}

TEST_F(CheckTest, ALostIndexSegmentNamesTheSnapshotThatNeedsIt) {
  const auto index = names("index/");
  for (const auto& name : index) {
    const auto whole = object(name);
    memory->remove(name);
    const auto report = run(false);
    EXPECT_FALSE(report.clean());
    EXPECT_GE(report.unused_packs, 1U);
    EXPECT_THAT(objects(report), Contains(HasSubstr("snapshots/")));
    EXPECT_FALSE(report.problems[0].affected.empty());
    replace(name, whole);
  }
}

TEST_F(CheckTest, AnIndexThatPointsElsewhereIsNamed) {
  auto packs = repository->index().packs();
  const auto name = names("index/").at(0);
  base::IndexId id = base::IndexId::from_hex(name.substr(6));
  auto body = open_index_segment(object(name), id, repository->id(), repository->keys());
  std::swap(body.chunks[0].id, body.chunks[1].id);
  replace(name, seal_index_segment(body, id, repository->id(), repository->keys(), random));
  const auto report = run();
  EXPECT_THAT(objects(report), Contains(HasSubstr("packs/"))) << print(report);
}

TEST_F(CheckTest, PacksOfAnInterruptedRunAreCountedNotBlamed) {
  {
    WriteSession session(*repository, small_packs());
    MetadataWriter trees(session, repository->keys(), 3);
    for (int i = 0; i < 100; ++i)
      static_cast<void>(make_directory(session, trees, "dropped" + std::to_string(i % 3)));
  }
  const auto report = run();
  EXPECT_TRUE(report.clean()) << print(report);
  EXPECT_GE(report.unused_packs, 1U);
}

TEST_F(CheckTest, AStoreThatDoesNotAnswerIsAnErrorNotDamage) {
  const auto opened = reopen();
  plan = [](storage::Operation operation, const std::string& name,
            std::uint64_t) -> std::optional<storage::Fault> {
    if (operation != storage::Operation::read || !name.starts_with("packs/")) return std::nullopt;
    return storage::Fault{storage::Fault::When::before, ErrorKind::unavailable};
  };
  base::NoProgress progress;
  EXPECT_THROW(check(*opened, {.read_data = true, .threads = 2}, progress, {}), Error);
  plan = [](storage::Operation operation, const std::string& name,
            std::uint64_t) -> std::optional<storage::Fault> {
    if (operation != storage::Operation::read || !name.starts_with("packs/")) return std::nullopt;
    return storage::Fault{storage::Fault::When::before, ErrorKind::io};
  };
  EXPECT_FALSE(check(*opened, {.read_data = true, .threads = 2}, progress, {}).clean());
}

TEST_F(CheckTest, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  base::NoProgress progress;
  EXPECT_THROW(check(*repository, {.read_data = true, .threads = 2}, progress, stop.get_token()),
               base::Cancelled);
}

}  // namespace
}  // namespace holdfast::repository
