// A store that lies, in every way of lies_testing.cpp: what it leads to is either exactly right or
// named. Each lie is told to a machine that has seen the repository and to a new one.
#include "backup/backup.hpp"
#include "base/durable_file.hpp"
#include "base/temporary_directory.hpp"
#include "lies.hpp"
#include "repository/check.hpp"
#include "sources/filesystem/filesystem_source.hpp"
#include "testing_target.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <map>
#include <set>

namespace holdfast::restore {
namespace {

using Ids = std::multiset<std::string>;

class HostileStoreTest : public testing::Test {
protected:
  HostileStoreTest() {
    base::make_directories(site(), 0755);
    repository::CreateOptions options;
    options.cost = {1, 8192};
    LyingStore other;
    store_.objects = {};
    static_cast<void>(repository::Repository::create(store_, secret(), options, environment()));
    keep_state();
    for (int run = 0; run < 4; ++run) {
      change_site(run);
      const auto id = back_up(store_);
      expected_[id] = describe(site());
      if (run < 3) keep_state();
    }
    forget_second();
    keep_state();
    static_cast<void>(repository::Repository::create(other, secret(), options, environment()));
    back_up(other);
    scene_.other = other.objects;
    static_cast<void>(open(store_)->index());
  }

  std::string site() const { return folder_.file("site"); }
  std::string cache() const { return folder_.file("cache"); }
  static base::Secret secret() { return base::Secret(base::as_bytes("secret")); }
  repository::Environment environment() { return {clock_, random_, cache()}; }
  std::unique_ptr<repository::Repository> open(LyingStore& store) {
    return repository::Repository::open(store, secret(), environment());
  }
  void keep_state() { scene_.states.push_back(store_.objects); }

  void change_site(int run) {
    for (int i = run; i < run + 4; ++i) {
      std::string noise(60'000 + static_cast<std::size_t>(i) * 7'000, '\0');
      base::SeededRandom(static_cast<std::uint64_t>(i) + 1)
          .fill(std::as_writable_bytes(std::span(noise)));
      Sandbox::write(site() + fmt::format("/file{}", i), noise);
    }
    Sandbox::write(site() + "/changing", fmt::format("run {}", run));
    clock_.advance_seconds(10);
  }
  std::string back_up(LyingStore& store) {
    backup::BackupRequest request;
    request.site = "test";
    request.threads = 2;
    request.items.push_back({repository::ItemKind::files, sources::open_filesystem(site(), {})});
    base::NoProgress progress;
    return backup::run_backup(*open(store), std::move(request), progress, {}).snapshot.id.hex();
  }
  void forget_second() {
    const auto repository = open(store_);
    const auto id = repository->snapshots().list().at(1).id;
    repository->snapshots().forget({id}, clock_.wall_now(), "test");
    expected_.erase(id.hex());
  }

  /// Adds to `said` what a failure says; a failure that says nothing would be a fault of its own.
  template <class Work>
  bool succeeds(Work&& work) {
    try {
      work();
      return true;
    } catch (const base::Error& error) {
      EXPECT_STRNE(error.what(), "");
      said_.emplace_back(error.what());
      return false;
    }
  }

  /// Whether `found` is all there is; what there is must be right in any case.
  void expect_right(const Description& found, const Description& expected, bool whole) {
    std::size_t seen = 0;
    for (const auto& [path, text] : found) {
      const auto at = path.find("site/");
      if (at == std::string::npos) continue;
      const auto name = path.substr(at + 5);
      ++seen;
      ASSERT_TRUE(expected.contains(name)) << name;
      if (text.find(" content ") != std::string::npos) {
        EXPECT_TRUE(text == expected.at(name)) << "wrong bytes in " << name;
      }
    }
    if (whole) {
      EXPECT_EQ(seen, expected.size()) << "success with less than all";
    }
  }
  /// Restores a snapshot and says whether that went without a word.
  bool restore_whole(repository::Repository& repository, const repository::Snapshot& snapshot) {
    const base::TemporaryDirectory target;
    const auto before = said_.size();
    succeeds([&] {
      base::NoProgress progress;
      const auto report =
          run_restore(repository, snapshot, request_into(target.file("out")), progress, {});
      for (const auto& problem : report.problems)
        said_.push_back(problem.path + ": " + problem.message);
    });
    const bool whole = said_.size() == before;
    if (::access(target.file("out").c_str(), F_OK) == 0) {
      expect_right(describe(target.file("out")), expected_.at(snapshot.id.hex()), whole);
    }
    return whole;
  }

  /// All that a person may do with the store. Returns whether the results were exactly right.
  bool look(LyingStore& store) {
    std::unique_ptr<repository::Repository> repository;
    if (!succeeds([&] { repository = open(store); })) return false;
    std::vector<repository::Snapshot> listed;
    succeeds([&] {
      for (const auto& lost : repository->snapshots().lost_records())
        said_.push_back(lost.object + ": " + lost.message);
      listed = repository->snapshots().list([&](const std::string& name, const std::string& why) {
        said_.push_back(name + ": " + why);
      });
    });
    Ids ids;
    for (const auto& snapshot : listed)
      ids.insert(snapshot.id.hex());
    Ids right;
    for (const auto& [id, tree] : expected_)
      right.insert(id);
    bool exact = ids == right;
    for (const auto& snapshot : listed) {
      if (!expected_.contains(snapshot.id.hex())) {
        exact = false;  // one that was forgotten: right as it is, and expected to be named
        continue;
      }
      exact = restore_whole(*repository, snapshot) && exact;
    }
    succeeds([&] {
      repository::CheckOptions options;
      options.read_data = true;
      options.threads = 2;
      base::NoProgress progress;
      const auto report = repository::check(*repository, options, progress, {});
      for (const auto& problem : report.problems)
        said_.push_back(problem.object + ": " + problem.message);
    });
    return exact;
  }

  /// A backup that says that it succeeded did, or the next look names what is gone.
  void back_up_and_look_again(LyingStore& store) {
    Sandbox::write(site() + "/changing", "after the lie");
    clock_.advance_seconds(10);
    std::string id;
    if (!succeeds([&] { id = back_up(store); })) return;
    store.lies = {};
    expected_[id] = describe(site());
    const auto before = said_.size();
    const auto repository = open(store);
    for (const auto& lost : repository->snapshots().lost_records())
      said_.push_back(lost.object + ": " + lost.message);
    bool there = false;
    for (const auto& snapshot : repository->snapshots().list([](const auto&, const auto&) {})) {
      if (snapshot.id.hex() != id) continue;
      there = restore_whole(*repository, snapshot);
    }
    EXPECT_TRUE(there || said_.size() > before) << "an acknowledged snapshot is gone silently";
    expected_.erase(id);
  }

  void tell(const Lie& lie, bool remembers) {
    SCOPED_TRACE(lie.name + (remembers ? "" : " (to a new machine)"));
    const base::TemporaryDirectory saved;
    std::filesystem::copy(cache(), saved.file("cache"), std::filesystem::copy_options::recursive);
    if (!remembers) std::filesystem::remove_all(cache());
    base::make_directories(cache(), 0700);
    LyingStore store;
    store.objects = scene_.states.back();
    lie.tell(store, scene_);
    said_.clear();
    const bool exact = look(store);
    const bool can_tell = remembers || !lie.needs_memory;
    EXPECT_TRUE(exact || !said_.empty() || !can_tell) << "wrong, and nothing was said";
    if (can_tell && !lie.named.empty()) {
      EXPECT_THAT(said_, testing::Contains(testing::HasSubstr(lie.named)));
    }
    back_up_and_look_again(store);
    std::filesystem::remove_all(cache());
    std::filesystem::copy(saved.file("cache"), cache(), std::filesystem::copy_options::recursive);
  }

  base::TemporaryDirectory folder_;
  base::SeededRandom random_{1};
  base::ManualClock clock_{base::SystemClock().wall_now()};
  LyingStore store_;
  Scene scene_;
  std::map<std::string, Description> expected_;  // snapshot id -> what the site was
  std::vector<std::string> said_;
};

TEST_F(HostileStoreTest, TheTruthIsExactlyRightAndSilent) {
  LyingStore store;
  store.objects = scene_.states.back();
  EXPECT_TRUE(look(store));
  EXPECT_THAT(said_, testing::IsEmpty());
}

TEST_F(HostileStoreTest, EveryLieIsHarmlessOrNamed) {
  const auto lies = all_lies();
  EXPECT_GE(lies.size(), 60U);
  for (const auto& lie : lies) {
    tell(lie, true);
    tell(lie, false);
  }
}

}  // namespace
}  // namespace holdfast::restore
