#include "storage/wrappers/wrappers.hpp"

#include "base/error.hpp"
#include "storage/memory/memory_backend.hpp"

#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

TEST(CountingBackend, counts_bytes_and_calls) {
  const auto memory = open_memory();
  Traffic traffic;
  const auto backend = with_counting(*memory, traffic);
  EXPECT_EQ(put(*backend, "a", base::as_bytes("12345")), PutOutcome::stored);
  base::Bytes into(100);
  EXPECT_EQ(backend->read("a", 2, into), 3U);
  EXPECT_EQ(traffic.bytes_written, 5U);
  EXPECT_EQ(traffic.bytes_read, 3U);
  EXPECT_EQ(traffic.calls, 2U);
  EXPECT_NE(backend->stat("a"), std::nullopt);
  backend->list("", [](const ObjectInfo&) {});
  EXPECT_EQ(backend->remove("a"), RemoveOutcome::removed);
  EXPECT_EQ(traffic.calls, 5U);
}

TEST(ReadOnlyBackend, reads_and_changes_nothing) {
  const auto memory = open_memory();
  EXPECT_EQ(put(*memory, "a", base::as_bytes("x")), PutOutcome::stored);
  const auto backend = read_only(*memory);
  EXPECT_EQ(get(*backend, "a", 10), base::copy_of(base::as_bytes("x")));
  const auto expect_denied = [](auto work) {
    try {
      work();
      ADD_FAILURE() << "it was allowed";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), base::ErrorKind::access_denied);
    }
  };
  expect_denied([&] { backend->create("b"); });
  expect_denied([&] { backend->remove("a"); });
  expect_denied([&] { backend->remove_leftovers(); });
  EXPECT_NE(memory->stat("a"), std::nullopt);
}

}  // namespace
}  // namespace holdfast::storage
