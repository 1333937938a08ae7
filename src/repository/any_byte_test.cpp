// Any byte of any object: whatever is changed, cut off, added or gone is named, or changes nothing;
// and what is read is right or refused.
//
// HOLDFAST_ANY_BYTE=all changes every byte, which takes an hour; HOLDFAST_TEST_SEED chooses another
// sample. A failure says which object and byte it was.

#include "base/durable_file.hpp"
#include "index_segment.hpp"
#include "repository/collection_testing.hpp"
#include "repository/key_ring.hpp"
#include "repository/key_text.hpp"
#include "stored_pack.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

namespace holdfast::repository {
namespace {

using base::Bytes;
using base::Error;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t flips = 300;
constexpr std::size_t object_step = 5;
constexpr std::size_t page_step = 16;
#else
constexpr std::size_t flips = 3'000;
constexpr std::size_t object_step = 1;
constexpr std::size_t page_step = 4;
#endif
constexpr std::size_t page_size = 4096;

/// What became of the repository for somebody who sees it for the first time.
struct Outcome {
  bool opened = false;
  std::string said;             // all messages
  std::set<std::string> named;  // objects
  std::size_t whole = 0;        // snapshots that came back exactly
};

class AnyByteTest : public ::testing::Test, protected CollectionRepository {
protected:
  AnyByteTest() {
    std::vector<base::SnapshotId> ids;
    for (int run = 0; run < 6; ++run) {
      if (run == 3) rotate_epoch(*repository);
      std::vector<int> numbers;
      for (int i = 0; i < 10; ++i)
        numbers.push_back(9 * run + i);  // 20 kB each, and as much parity

      ids.push_back(back_up(*repository, run % 2 == 0 ? "even" : "odd", files(numbers)));
      clock.advance_seconds(3600);
    }
    forget(*repository, ids[1]);
    const auto pair = crypto::make_box_key_pair(random);
    add_slot(*repository, Role::reader, RecipientLock{pair.public_key}, "another");
    base::NoProgress ignored;
    check(*repository, {.read_data = true, .threads = 1, .keep_ledger = true}, ignored, {});
    running_ = begin(*repository, "running");  // its lease, and packs that nobody indexed
    store(*running_, files({900, 901, 902, 903}), Indexed::no);
    memory->list("", [&](const storage::ObjectInfo& info) {
      whole_[info.name] = storage::get(*memory, info.name, 1U << 30);
      bytes_ += info.size;
    });
  }

  static std::uint64_t seed() {
    const auto* text = std::getenv("HOLDFAST_TEST_SEED");
    return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
  }
  static bool wants_all() {
    const auto* text = std::getenv("HOLDFAST_ANY_BYTE");
    return text != nullptr && std::string_view(text) == "all";
  }

  void look(Outcome& outcome) {
    const auto cache_path = cache.path() + "/fresh";
    std::filesystem::remove_all(cache_path);
    base::make_directories(cache_path, 0700);
    const auto reader = Repository::open(*memory, passphrase, {clock, random, cache_path, 1});
    outcome.opened = true;
    base::NoProgress ignored;
    for (const auto& problem :
         check(*reader, {.read_data = true, .threads = 1}, ignored, {}).problems)
      outcome.named.insert(problem.object);
    reader->read_unindexed_packs(true);
    const auto note = [&](const std::string& name, const std::string& why) {
      outcome.said += name + ": " + why + "\n";
    };
    for (const auto& snapshot : reader->snapshots().list(note)) {
      const auto known = expected.find(snapshot.id);
      if (known == expected.end()) continue;
      try {
        EXPECT_TRUE(read_files(*reader, snapshot) == known->second) << "wrong bytes with success";
        ++outcome.whole;
      } catch (const Error& error) {
        outcome.said += std::string(error.what()) + "\n";
      }
    }
  }
  Outcome look() {
    Outcome outcome;
    try {
      look(outcome);
    } catch (const Error& error) {
      outcome.said += std::string(error.what()) + "; " + error.hint() + "\n";
    }
    return outcome;
  }

  /// Puts `objects` in the place of what is there, looks, and puts it back.
  Outcome look_at(const std::map<std::string, Bytes>& objects) {
    for (const auto& [name, bytes] : objects)
      replace(name, bytes);
    auto outcome = look();
    for (const auto& [name, bytes] : objects)
      replace(name, whole_.at(name));
    return outcome;
  }
  void expect_named_or_harmless(const Outcome& outcome, const std::string& name,
                                const std::string& what) const {
    const bool named = outcome.named.contains(name) || outcome.said.find(name) != std::string::npos;
    EXPECT_TRUE(named || (outcome.opened && outcome.whole == expected.size()))
        << name << " " << what << ": only " << outcome.whole << " snapshots came back, and "
        << outcome.said;
    EXPECT_TRUE(named || is_auxiliary(name)) << name << " " << what << " is not named";
  }
  /// What only the collection of garbage needs, and packs that are in no index segment.
  bool is_auxiliary(const std::string& name) const {
    return name.starts_with("leases/") || name.starts_with("reach/") ||
           (name.starts_with("packs/") && unindexed().contains(name));
  }
  const std::set<std::string>& unindexed() const {
    if (!unindexed_.empty()) return unindexed_;
    for (const auto& [name, bytes] : whole_) {
      if (name.starts_with("packs/")) unindexed_.insert(name);
    }
    for (const auto& pack : repository->index().packs())
      unindexed_.erase(pack_object_name(pack.id));
    return unindexed_;
  }
  void flip_one(const std::string& name, std::size_t at, std::byte bits) {
    auto changed = whole_.at(name);
    changed.at(at) ^= bits;
    const auto what = "byte " + std::to_string(at);
    expect_named_or_harmless(look_at({{name, changed}}), name, what);
  }
  /// Byte `at` of every pack and index segment at once: that many damages do not hide each other.
  void flip_in_all_large(std::size_t at) {
    std::map<std::string, Bytes> changed;
    for (const auto& [name, bytes] : whole_) {
      if (is_auxiliary(name) || at >= bytes.size()) continue;
      if (!name.starts_with("packs/") && !name.starts_with("index/")) continue;
      changed.emplace(name, bytes).first->second[at] ^= std::byte{1};
    }
    const auto outcome = look_at(changed);
    for (const auto& [name, bytes] : changed)
      EXPECT_TRUE(outcome.named.contains(name)) << name << " byte " << at;
  }
  /// Where parts of the object begin and end.
  std::set<std::size_t> boundaries(const std::string& name) {
    const auto size = whole_.at(name).size();
    std::set<std::size_t> all = {0, size};
    if (!name.starts_with("packs/")) return all;
    const auto id = base::PackId::from_hex(name.substr(name.rfind('/') + 1));
    const auto trailer = read_pack_trailer(*memory, id, size);
    all.insert({pipeline::pack_header_size, static_cast<std::size_t>(trailer.directory_offset),
                static_cast<std::size_t>(trailer.covered_size()),
                static_cast<std::size_t>(trailer.parity_offset()),
                static_cast<std::size_t>(trailer.trailer_offset)});
    return all;
  }

  std::unique_ptr<RunningBackup> running_;
  std::map<std::string, Bytes> whole_;
  std::uint64_t bytes_ = 0;
  mutable std::set<std::string> unindexed_;
};

TEST_F(AnyByteTest, the_repository_has_every_kind_of_object_and_is_whole) {
  std::set<std::string> kinds;
  for (const auto& [name, bytes] : whole_)
    kinds.insert(name.substr(0, name.find('/')));
  EXPECT_EQ(kinds, (std::set<std::string>{"checks", "deletions", "epochs", "format", "format.2",
                                          "format.3", "index", "keys", "leases", "packs", "reach",
                                          "snapshots"}));
  EXPECT_GT(bytes_, 2'000'000U);
  EXPECT_LT(bytes_, 3'000'000U);
  EXPECT_FALSE(unindexed().empty());
  const auto outcome = look();
  EXPECT_TRUE(outcome.named.empty()) << *outcome.named.begin();
  EXPECT_EQ(outcome.said, "");
  EXPECT_EQ(outcome.whole, expected.size());
}

TEST_F(AnyByteTest, a_changed_byte_is_named_or_changes_nothing) {
  base::SeededRandom choice(seed());
  if (!wants_all()) {
    // Half of them anywhere, half in objects that are small and many.
    std::vector<std::string> names;
    for (const auto& [name, bytes] : whole_)
      names.push_back(name);
    for (std::size_t i = 0; i < flips; ++i) {
      auto at = choice.below(bytes_);
      auto object = whole_.begin();
      for (; at >= object->second.size(); ++object)
        at -= object->second.size();
      if (i % 2 == 0) {
        object = whole_.find(names[choice.below(names.size())]);
        at = choice.below(object->second.size());
      }
      flip_one(object->first, at, static_cast<std::byte>(1U << choice.below(8)));
      if (HasFailure()) return;
    }
    return;
  }
  std::size_t longest = 0;
  for (const auto& [name, bytes] : whole_) {
    const bool large = name.starts_with("packs/") || name.starts_with("index/");
    if (large && !is_auxiliary(name)) {
      longest = std::max(longest, bytes.size());
      continue;
    }
    for (std::size_t at = 0; at < bytes.size(); ++at)
      flip_one(name, at, std::byte{1});
  }
  for (std::size_t at = 0; at < longest; ++at)
    flip_in_all_large(at);
}

TEST_F(AnyByteTest, an_object_that_is_cut_or_longer_is_named_or_changes_nothing) {
  std::size_t number = seed();
  for (const auto& [name, bytes] : whole_) {
    if (!wants_all() && ++number % object_step != 0) continue;
    std::set<std::size_t> sizes = {bytes.size() / 2};
    for (const auto at : boundaries(name)) {
      if (at != 0) sizes.insert(at - 1);
      sizes.insert({at, at + 1});
    }
    sizes.erase(bytes.size());
    for (const auto size : sizes) {
      auto changed = bytes;
      changed.resize(size);
      expect_named_or_harmless(look_at({{name, changed}}), name,
                               "of " + std::to_string(size) + " bytes");
    }
    if (HasFailure()) return;
  }
}

TEST_F(AnyByteTest, a_page_of_zeros_is_named_or_changes_nothing) {
  std::size_t number = seed();
  for (const auto& [name, bytes] : whole_) {
    for (std::size_t at = 0; at < bytes.size(); at += page_size) {
      if (!wants_all() && ++number % page_step != 0) continue;
      auto changed = bytes;
      std::fill_n(changed.begin() + static_cast<std::ptrdiff_t>(at),
                  std::min(page_size, bytes.size() - at), std::byte{0});
      if (changed == bytes) continue;
      expect_named_or_harmless(look_at({{name, changed}}), name, "zero from " + std::to_string(at));
    }
    if (HasFailure()) return;
  }
}

TEST_F(AnyByteTest, without_any_one_object_the_rest_is_read) {
  int locked_out = 0;
  for (const auto& [name, bytes] : whole_) {
    memory->remove(name);
    const auto outcome = look();
    replace(name, bytes);
    const bool named = outcome.named.contains(name) || outcome.said.find(name) != std::string::npos;
    if (name.starts_with("packs/")) {
      EXPECT_TRUE(named || outcome.whole == expected.size()) << name;  // or nobody needs it
      EXPECT_TRUE(outcome.opened) << outcome.said;
    } else if (name.starts_with("snapshots/")) {
      // Its writer's next record says that one is missing.
      EXPECT_EQ(outcome.whole + 1, expected.size()) << outcome.said;
    } else if (name.starts_with("keys/") && !outcome.opened) {
      EXPECT_NE(outcome.said.find("recovery sheet"), std::string::npos) << outcome.said;
      ++locked_out;
    } else {
      EXPECT_EQ(outcome.whole, expected.size()) << name << ": " << outcome.said;
    }
    if (HasFailure()) return;
  }
  EXPECT_EQ(locked_out, 1) << "the other slot opens nothing for this passphrase";
}

}  // namespace
}  // namespace holdfast::repository
