#include "storage/wrappers/faulty_backend.hpp"

#include "storage/memory/memory_backend.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

using base::ErrorKind;

TEST(FaultyBackend, fails_the_call_it_was_told_to) {
  const auto memory = open_memory();
  std::vector<Operation> seen;
  const auto backend =
      with_faults(*memory, [&](Operation operation, const std::string&, std::uint64_t call) {
        seen.push_back(operation);
        return call == 2 ? std::optional(Fault{Fault::When::before, ErrorKind::no_space})
                         : std::nullopt;
      });
  try {
    static_cast<void>(put(*backend, "a", base::as_bytes("x")));
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::no_space);
    EXPECT_THAT(error.what(), testing::HasSubstr("append of 'a'"));
  }
  EXPECT_EQ(memory->stat("a"), std::nullopt);
  EXPECT_EQ(put(*backend, "a", base::as_bytes("x")), PutOutcome::stored);
  EXPECT_THAT(seen, testing::ElementsAre(Operation::create, Operation::append, Operation::create,
                                         Operation::append, Operation::commit));
}

TEST(FaultyBackend, can_lose_the_reply_of_what_was_done) {
  const auto memory = open_memory();
  const auto backend = with_faults(
      *memory, [](Operation operation, const std::string&, std::uint64_t) -> std::optional<Fault> {
        if (operation != Operation::commit && operation != Operation::remove) return std::nullopt;
        return Fault{Fault::When::after, ErrorKind::unavailable};
      });
  EXPECT_THROW(static_cast<void>(put(*backend, "a", base::as_bytes("x"))), base::Error);
  EXPECT_NE(memory->stat("a"), std::nullopt);
  EXPECT_THROW(backend->remove("a"), base::Error);
  EXPECT_EQ(memory->stat("a"), std::nullopt);
}

TEST(FaultyBackend, can_lie) {
  const auto memory = open_memory();
  EXPECT_EQ(put(*memory, "a", base::as_bytes("abc")), PutOutcome::stored);
  const auto backend = with_faults(
      *memory, {}, [](const std::string&, std::uint64_t offset, base::MutableBytes bytes) {
        if (offset == 0 && bytes.size() > 1) bytes[1] = std::byte{'?'};
      });
  EXPECT_EQ(get(*backend, "a", 10), base::copy_of(base::as_bytes("a?c")));
}

}  // namespace
}  // namespace holdfast::storage
