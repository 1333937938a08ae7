#include "repository/format_object.hpp"

#include "base/error.hpp"
#include "envelope.hpp"
#include "records_testing.hpp"
#include "storage/memory/memory_backend.hpp"

#include <gtest/gtest.h>

namespace holdfast::repository {

namespace {

using base::ErrorKind;

class Format : public testing::Test {
protected:
  Format() : owner_(crypto::make_signing_key_pair(random_)) {
    format_.id = numbered_id<base::RepositoryId>(3);
    format_.owner_signing_key = owner_.public_key;
    format_.created_seconds = 1'763'700'000;
  }

  base::SeededRandom random_{1};
  crypto::SigningKeyPair owner_;
  FormatObject format_;
  std::unique_ptr<storage::Backend> store_ = storage::open_memory();
};

TEST_F(Format, ComesBackAsItWas) {
  EXPECT_EQ(decode_format(encode_format(format_, owner_)), format_);
}

TEST_F(Format, IsSignedByItsOwner) {
  const auto other = crypto::make_signing_key_pair(random_);
  EXPECT_EQ(kind_of_failure([&] { decode_format(encode_format(format_, other)); }),
            ErrorKind::corrupt);
}

TEST_F(Format, HasAParityThatPacksCanHave) {
  for (const auto percent : {0U, 25U}) {
    format_.parity_percent = percent;
    EXPECT_EQ(decode_format(encode_format(format_, owner_)).parity_percent, percent);
  }
  format_.parity_percent = 26;
  EXPECT_EQ(kind_of_failure([&] { decode_format(encode_format(format_, owner_)); }),
            ErrorKind::corrupt);
}

TEST_F(Format, OfTheFutureIsUnsupportedAndNotCorrupt) {
  for (auto future : {FormatObject{2, 0, {}, {}, 0, 3}, FormatObject{1, 4, {}, {}, 0, 3}}) {
    future.owner_signing_key = owner_.public_key;
    EXPECT_EQ(kind_of_failure([&] { decode_format(encode_format(future, owner_)); }),
              ErrorKind::unsupported);
  }
  // Also with a body that nobody knows yet.
  const auto unknown = wrap_envelope("HOLDFAST", {7, 1, base::Bytes(1000)});
  EXPECT_EQ(kind_of_failure([&] { decode_format(unknown); }), ErrorKind::unsupported);
}

TEST_F(Format, EveryFlippedBitIsCorrupt) {
  auto bytes = encode_format(format_, owner_);
  for (auto& byte : bytes) {
    byte ^= std::byte{4};
    EXPECT_EQ(kind_of_failure([&] { decode_format(bytes); }), ErrorKind::corrupt);
    byte ^= std::byte{4};
  }
  attack(bytes, [](base::ByteView changed) { decode_format(changed); });
}

TEST_F(Format, AnyOfTheCopiesIsEnough) {
  store_format(*store_, encode_format(format_, owner_));
  EXPECT_EQ(load_format(*store_), format_);
  ASSERT_EQ(store_->remove("format"), storage::RemoveOutcome::removed);
  EXPECT_EQ(load_format(*store_), format_);
  ASSERT_EQ(store_->remove("format.2"), storage::RemoveOutcome::removed);
  ASSERT_EQ(storage::put(*store_, "format", base::as_bytes("rubbish")),
            storage::PutOutcome::stored);
  EXPECT_EQ(load_format(*store_), format_);
  ASSERT_EQ(store_->remove("format.3"), storage::RemoveOutcome::removed);
  EXPECT_EQ(kind_of_failure([&] { load_format(*store_); }), ErrorKind::corrupt);
  ASSERT_EQ(store_->remove("format"), storage::RemoveOutcome::removed);
  EXPECT_EQ(kind_of_failure([&] { load_format(*store_); }), ErrorKind::not_found);
}

TEST_F(Format, IsStoredOnce) {
  const auto encoded = encode_format(format_, owner_);
  store_format(*store_, encoded);
  EXPECT_EQ(kind_of_failure([&] { store_format(*store_, encoded); }), ErrorKind::already_exists);
  // A repository that lost its first copy is not hidden by a new one.
  ASSERT_EQ(store_->remove("format"), storage::RemoveOutcome::removed);
  EXPECT_EQ(kind_of_failure([&] { store_format(*store_, encoded); }), ErrorKind::already_exists);
  EXPECT_FALSE(store_->stat("format"));
}

}  // namespace

}  // namespace holdfast::repository
