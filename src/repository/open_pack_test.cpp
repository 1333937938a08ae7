#include "open_pack.hpp"

#include "base/error.hpp"
#include "pipeline/pack_testing.hpp"
#include "storage/memory/memory_backend.hpp"
#include "storage/wrappers/faulty_backend.hpp"

#include <gtest/gtest.h>

namespace holdfast::repository {
namespace {

using base::Error;
using base::ErrorKind;

// A store may say something else, and less, to whoever writes on after a failure.
TEST(OpenPackTest, AllThatFollowsAFailureFailsWithIt) {
  const auto memory = storage::open_memory();
  std::uint64_t appends = 0;
  const auto store =
      storage::with_faults(*memory,
                           [&](storage::Operation operation, const std::string&,
                               std::uint64_t) -> std::optional<storage::Fault> {
                             if (operation != storage::Operation::append) return std::nullopt;
                             return storage::Fault{.kind = ++appends == 1 ? ErrorKind::no_space
                                                                          : ErrorKind::unavailable};
                           });
  base::SeededRandom random(1);
  const pipeline::TestKeys keys;
  OpenPack pack(*store, keys.write_keys(), pipeline::PackKind::data, random, {});
  const auto kind_of = [](const std::function<void()>& act) -> std::optional<ErrorKind> {
    try {
      act();
    } catch (const Error& error) {
      return error.kind();
    }
    return std::nullopt;
  };
  const auto first = pack.enter(1);
  const auto second = pack.enter(1);
  EXPECT_EQ(kind_of([&] { pack.append(first, {}, 1, {}); }), ErrorKind::no_space);
  EXPECT_EQ(kind_of([&] { pack.append(second, {}, 1, {}); }), ErrorKind::no_space);
  EXPECT_EQ(kind_of([&] { static_cast<void>(pack.close()); }), ErrorKind::no_space);
  EXPECT_EQ(appends, 1);
}

}  // namespace
}  // namespace holdfast::repository
