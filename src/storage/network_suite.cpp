#include "storage/network_suite.hpp"

#include "base/random.hpp"
#include "base/task_group.hpp"

#include <atomic>
#include <set>
#include <utility>

namespace holdfast::storage {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t positions = 8;
#else
constexpr std::uint64_t positions = 64;
#endif
/// Most of the time a silent network is waited for, and others can go on meanwhile.
constexpr int at_a_time = 4;
constexpr int stalls_at_a_time = 16;

base::Bytes random_bytes(std::size_t size) {
  base::SystemRandom random;
  base::Bytes bytes(size);
  random.fill(bytes);
  return bytes;
}

/// Everything that a run does with a store.
void use(Backend& backend, const base::Bytes& large) {
  const auto small = base::as_bytes("1");
  EXPECT_EQ(put(backend, "packs/ab/large", large), PutOutcome::stored);
  EXPECT_EQ(put(backend, "small", small), PutOutcome::stored);
  EXPECT_EQ(get(backend, "packs/ab/large", large.size()), large);
  std::multiset<std::string> seen;
  backend.list("", [&](const ObjectInfo& object) { seen.insert(object.name); });
  EXPECT_EQ(seen, (std::multiset<std::string>{"packs/ab/large", "small"}));
  EXPECT_EQ(put(backend, "small", base::as_bytes("2")), PutOutcome::already_there);
  EXPECT_EQ(get(backend, "small", 1), base::copy_of(small));
  EXPECT_EQ(backend.remove("small"), RemoveOutcome::removed);
  EXPECT_FALSE(backend.stat("small"));
  EXPECT_EQ(backend.remove("packs/ab/large"), RemoveOutcome::removed);
}

std::uint64_t relayed_by_a_whole_run(const FarPlaces& places, const base::Bytes& large) {
  const auto place = places.make();
  const auto backend = place->open();
  const auto before = place->network().relayed(places.way);
  use(*backend, large);
  return place->network().relayed(places.way) - before;
}

void run_with_a_fault(const FarPlaces& places, std::uint64_t at, const base::Bytes& large) {
  SCOPED_TRACE(at);
  const auto place = places.make();
  const auto backend = place->open();
  place->network().cut_after(at, places.how, places.way);
  EXPECT_NO_THROW(use(*backend, large));
  EXPECT_TRUE(place->network().has_cut());
}

}  // namespace

TEST_P(NetworkContract, NothingIsLostOrDoubledWhereverItFails) {
  const auto& places = GetParam();
  const auto large = random_bytes(places.object_size);
  const auto whole = relayed_by_a_whole_run(places, large);
  std::atomic<std::uint64_t> next = 0;
  base::TaskGroup group;
  for (int i = 0; i < (places.how == Cut::stall ? stalls_at_a_time : at_a_time); ++i) {
    group.spawn([&](const std::stop_token&) {
      for (auto position = next++; position < positions; position = next++)
        run_with_a_fault(places, whole * position / positions, large);
    });
  }
  group.join();
}

std::vector<FarPlaces> each_network_fault(std::function<std::unique_ptr<FarPlace>()> make,
                                          std::size_t object_size) {
  return {{"reset_up", Cut::reset, Way::up, make, object_size},
          {"reset_down", Cut::reset, Way::down, make, object_size},
          {"end_up", Cut::close, Way::up, make, object_size},
          {"end_down", Cut::close, Way::down, make, object_size},
          {"reply_swallowed", Cut::swallow, Way::down, make, object_size},
          {"stall", Cut::stall, Way::both, make, object_size}};
}

void PrintTo(const FarPlaces& places, std::ostream* out) { *out << places.network_fault; }

std::string fault_name(const testing::TestParamInfo<FarPlaces>& info) {
  return info.param.network_fault;
}

}  // namespace holdfast::storage
