#include "repository/repository.hpp"

#include "base/error.hpp"
#include "base/temporary_directory.hpp"
#include "records_testing.hpp"
#include "storage/memory/memory_backend.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::repository {

namespace {

using base::ErrorKind;

class Repositories : public testing::Test {
protected:
  std::unique_ptr<Repository> create(std::string_view passphrase = "correct horse") {
    return Repository::create(*backend_, base::Secret(base::as_bytes(passphrase)),
                              {{1, 8 * 1024}, "owner"}, environment_);
  }
  std::unique_ptr<Repository> open(std::string_view passphrase = "correct horse") {
    const base::Secret secret(base::as_bytes(passphrase));
    return Repository::open(*backend_, secret, environment_);
  }
  std::vector<std::string> names(const std::string& prefix) {
    std::vector<std::string> found;
    backend_->list(prefix,
                   [&](const storage::ObjectInfo& object) { found.push_back(object.name); });
    return found;
  }

  base::TemporaryDirectory cache_;
  base::ManualClock clock_{{1'763'700'000, 0}};
  base::SeededRandom random_{1};
  Environment environment_{clock_, random_, cache_.path()};
  std::unique_ptr<storage::Backend> backend_ = storage::open_memory();
};

TEST_F(Repositories, OpenWithThePassphraseTheyWereMadeWith) {
  const auto made = create();
  const auto opened = open();
  EXPECT_EQ(made->id(), opened->id());
  EXPECT_EQ(made->cache_directory(), opened->cache_directory());
  EXPECT_EQ(opened->slot().label, "owner");
  EXPECT_EQ(opened->format().created_seconds, 1'763'700'000);
  EXPECT_EQ(made->keys().chunk_id({}), opened->keys().chunk_id({}));
  EXPECT_TRUE(opened->snapshots().list().empty());
  EXPECT_EQ(opened->index().chunk_count(), 0U);
}

TEST_F(Repositories, AreMadeOnce) {
  create();
  EXPECT_EQ(kind_of_failure([&] { create(); }), ErrorKind::already_exists);
  EXPECT_EQ(names("keys/").size(), 1U);
}

TEST_F(Repositories, NeedAPassphrase) {
  EXPECT_EQ(kind_of_failure([&] { create(""); }), ErrorKind::invalid_input);
}

TEST_F(Repositories, SayWhatIsWrongInOneSentence) {
  EXPECT_EQ(kind_of_failure([&] { open(); }), ErrorKind::not_found);
  create();
  try {
    open("wrong horse");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::wrong_key);
    EXPECT_THAT(error.what(), testing::HasSubstr("the passphrase opens no key slot"));
    EXPECT_FALSE(error.hint().empty());
  }
}

TEST_F(Repositories, TryEverySlot) {
  const auto repository = create();
  const base::Secret other(base::as_bytes("second passphrase"));
  const auto slot = seal_slot(repository->keys(), repository->id(),
                              PassphraseLock{other, {1, 8 * 1024}}, {"second", 0}, random_);
  ASSERT_EQ(storage::put(*backend_, "keys/second", slot), storage::PutOutcome::stored);
  ASSERT_EQ(storage::put(*backend_, "keys/0-damaged", base::as_bytes("rubbish")),
            storage::PutOutcome::stored);
  EXPECT_EQ(open()->slot().label, "owner");
  EXPECT_EQ(open("second passphrase")->slot().label, "second");
  EXPECT_EQ(kind_of_failure([&] { open("third"); }), ErrorKind::wrong_key);
}

TEST_F(Repositories, ADamagedOnlySlotIsDamageAndNotAWrongPassphrase) {
  create();
  const auto slot = names("keys/").front();
  auto bytes = storage::get(*backend_, slot, slot_size_max);
  bytes[bytes.size() / 2] ^= std::byte{1};
  ASSERT_EQ(backend_->remove(slot), storage::RemoveOutcome::removed);
  ASSERT_EQ(storage::put(*backend_, slot, bytes), storage::PutOutcome::stored);
  EXPECT_EQ(kind_of_failure([&] { open(); }), ErrorKind::corrupt);
}

TEST_F(Repositories, AFormatObjectOfAnotherOwnerIsReported) {
  const auto repository = create();
  auto format = repository->format();
  const auto other = crypto::make_signing_key_pair(random_);
  format.owner_signing_key = other.public_key;
  for (const auto& name : format_names())
    static_cast<void>(backend_->remove(name));
  store_format(*backend_, encode_format(format, other));
  EXPECT_EQ(kind_of_failure([&] { open(); }), ErrorKind::corrupt);
}

/// What `base64 -d` makes of the lines between the markers of the sheet.
base::Bytes slot_on(const std::string& sheet) {
  const auto begin = sheet.find("<<'END'\n") + 8;
  const auto text = sheet.substr(begin, sheet.rfind("END\n") - begin);
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  base::Bytes bytes;
  std::uint32_t value = 0;
  int bits = 0;
  for (const char c : text) {
    const auto digit = digits.find(c);
    if (digit == std::string_view::npos) continue;
    value = value << 6 | static_cast<std::uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<std::byte>(value >> bits));
  }
  return bytes;
}

TEST_F(Repositories, OpenFromTheRecoverySheetWhenTheKeysAreLost) {
  const auto repository = create();
  const auto sheet = recovery_sheet(*repository, repository->slot(), "/backup/repo");
  EXPECT_THAT(sheet, testing::HasSubstr("/backup/repo"));
  EXPECT_THAT(sheet, testing::HasSubstr("2025-11-21T04:40:00Z"));
  EXPECT_THAT(sheet, testing::Not(testing::HasSubstr("correct horse")));
  const auto name = names("keys/").front();
  EXPECT_THAT(sheet, testing::HasSubstr(name));
  ASSERT_EQ(backend_->remove(name), storage::RemoveOutcome::removed);
  try {
    open();
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.hint(), testing::HasSubstr("recovery sheet"));
  }
  ASSERT_EQ(storage::put(*backend_, name, slot_on(sheet)), storage::PutOutcome::stored);
  EXPECT_NO_THROW(open());
}

}  // namespace

}  // namespace holdfast::repository
