#include "base/error.hpp"
#include "storage/memory/memory_backend.hpp"
#include "storage/wrappers/faulty_backend.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <gtest/gtest.h>

#include <future>
#include <optional>

namespace holdfast::storage {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t piece_size = 300UL * 1024;

class SendingBackendTest : public testing::Test {
protected:
  using Before = std::function<std::optional<Fault>(Operation)>;

  static base::Bytes piece(int number) {
    return base::Bytes(piece_size, static_cast<std::byte>(number));
  }
  std::unique_ptr<Backend> open() {
    return with_senders(
        with_faults(*memory_, [this](Operation operation, const std::string&, std::uint64_t) {
          return before_(operation);
        }));
  }
  std::optional<ErrorKind> kind_of_failure(ObjectWriter& writer) {
    try {
      for (int i = 0; i < 1000; ++i)
        writer.append(piece(i));
      static_cast<void>(writer.commit());
    } catch (const Error& error) {
      return error.kind();
    }
    return std::nullopt;
  }

  const std::unique_ptr<Backend> memory_ = open_memory();
  Before before_ = [](Operation) { return std::nullopt; };
};

TEST_F(SendingBackendTest, NobodyWaitsForTheStoreBeforeCommit) {
  std::promise<void> go_on;
  auto may_go_on = go_on.get_future().share();
  before_ = [&](Operation operation) -> std::optional<Fault> {
    if (operation == Operation::append) may_go_on.wait();
    return std::nullopt;
  };
  const auto backend = open();
  const auto writer = backend->create("packs/a");
  for (int i = 0; i < 20; ++i)
    writer->append(piece(i));  // would never return if it waited
  EXPECT_FALSE(memory_->stat("packs/a"));
  go_on.set_value();
  ASSERT_EQ(writer->commit(), PutOutcome::stored);
  const auto stored = get(*memory_, "packs/a", 1UL << 30);
  ASSERT_EQ(stored.size(), 20 * piece_size);
  for (std::size_t i = 0; i < 20; ++i)
    ASSERT_EQ(stored[i * piece_size + 7], static_cast<std::byte>(i));
}

TEST_F(SendingBackendTest, WhatFailsIsTold) {
  for (const auto failing : {Operation::create, Operation::append, Operation::commit}) {
    before_ = [&](Operation operation) -> std::optional<Fault> {
      if (operation != failing) return std::nullopt;
      return Fault{Fault::When::before, ErrorKind::no_space};
    };
    const auto backend = open();
    const auto writer = backend->create("packs/b");
    EXPECT_EQ(kind_of_failure(*writer), ErrorKind::no_space);
    EXPECT_FALSE(memory_->stat("packs/b"));
  }
}

TEST_F(SendingBackendTest, ABadNameIsToldAtOnce) {
  const auto backend = open();
  EXPECT_THROW(static_cast<void>(backend->create("../a")), Error);
}

TEST_F(SendingBackendTest, OneThatIsDroppedLeavesNothing) {
  const auto backend = open();
  {
    const auto writer = backend->create("packs/c");
    for (int i = 0; i < 10; ++i)
      writer->append(piece(i));
  }
  EXPECT_FALSE(memory_->stat("packs/c"));
  EXPECT_EQ(put(*backend, "packs/c", piece(1)), PutOutcome::stored);
}

}  // namespace
}  // namespace holdfast::storage
