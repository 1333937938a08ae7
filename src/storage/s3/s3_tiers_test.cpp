// Classes at Ceph's gateway, which has a second one and no archives; those are in cloud_test.cpp.

#include "s3_tiers.hpp"

#include "base/error.hpp"
#include "s3_server_testing.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

using base::ErrorKind;
using State = ObjectTier::State;

constexpr const char* name = "packs/ab/1";
constexpr std::size_t large_size = 6'000'000;  // two parts

class S3TiersTest : public testing::Test {
protected:
  S3TiersTest() { around_.name_own_bucket(); }

  base::Bytes store(Backend& backend, std::size_t size) {
    base::Bytes bytes(size);
    around_.random_.fill(bytes);
    EXPECT_EQ(put(backend, name, bytes), PutOutcome::stored);
    return bytes;
  }
  std::string class_of(Backend& backend) {
    std::string found;
    backend.tiers()->list("packs/",
                          [&](const TieredObject& object) { found = object.storage_class; });
    EXPECT_EQ(backend.tiers()->look(name)->storage_class, found);
    return found;
  }
  std::size_t versions() {
    S3Options options;
    options.endpoint = fmt::format("http://127.0.0.1:{}", rgw_.port());
    const auto place = resolve_s3_place(around_.location(), options);
    S3Client client(place, options, rgw_.source(), around_.context(), "the bucket");
    return S3Versions(client).of(place.prefix + name).size();
  }

  const TestServer rgw_{"rgw"};
  S3Surroundings around_;
};

TEST_F(S3TiersTest, AnObjectKeepsItsBytesAndItsMark) {
  const auto backend = around_.open(rgw_);
  const auto bytes = store(*backend, large_size);
  EXPECT_EQ(class_of(*backend), "STANDARD");
  EXPECT_TRUE(backend->tiers()->move(name, "COLD"));
  EXPECT_EQ(class_of(*backend), "COLD");
  EXPECT_EQ(get(*backend, name, large_size), bytes);
  EXPECT_EQ(put(*backend, name, base::as_bytes("other")), PutOutcome::already_there);
  EXPECT_TRUE(backend->tiers()->look(name)->can_be_read());
  EXPECT_EQ(backend->tiers()->thaw(name, 1, ThawSpeed::bulk), ObjectTiers::Thaw::readable);
  EXPECT_TRUE(backend->tiers()->move(name, "STANDARD"));
  EXPECT_EQ(class_of(*backend), "STANDARD");
  EXPECT_FALSE(backend->tiers()->look("packs/ab/2"));
}

TEST_F(S3TiersTest, NoVersionStaysBehind) {
  around_.use_new_bucket(rgw_, {},
                         {{"versioning",
                           "<VersioningConfiguration><Status>Enabled</Status>"
                           "</VersioningConfiguration>"}});
  const auto backend = around_.open(rgw_);
  const auto bytes = store(*backend, 100);
  EXPECT_TRUE(backend->tiers()->move(name, "COLD"));
  EXPECT_EQ(class_of(*backend), "COLD");
  EXPECT_EQ(versions(), 1U);
  EXPECT_EQ(get(*backend, name, 100), bytes);
}

TEST_F(S3TiersTest, WhatIsLockedStaysWhereItIs) {
  S3Options options;
  options.lock.period_seconds = 3600;
  const auto backend = around_.open(rgw_, options);
  store(*backend, 100);
  try {
    backend->tiers()->move(name, "COLD");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  }
  EXPECT_EQ(class_of(*backend), "STANDARD");
  EXPECT_EQ(versions(), 1U);
}

TEST_F(S3TiersTest, AClassThatThereIsNotIsRefused) {
  const auto backend = around_.open(rgw_);
  store(*backend, 100);
  EXPECT_THROW(backend->tiers()->move(name, "NO_SUCH_CLASS"), base::Error);
  EXPECT_EQ(class_of(*backend), "STANDARD");
}

TEST(ThawOfS3, WhatAStoreSaysOfAThawIsRead) {
  EXPECT_EQ(parse_thaw("").state, State::frozen);
  EXPECT_EQ(parse_thaw("ongoing-request=\"true\"").state, State::thawing);
  const auto thawed =
      parse_thaw("ongoing-request=\"false\", expiry-date=\"Fri, 20 Nov 2026 00:00:00 GMT\"");
  EXPECT_EQ(thawed.state, State::thawed);
  EXPECT_EQ(thawed.readable_until, base::parse_time("2026-11-20T00:00:00Z"));
  EXPECT_EQ(parse_thaw("ongoing-request=\"false\"").state, State::thawed);
  for (const auto* odd : {"ongoing-request=", "ongoing-request=\"", "ongoing-request=\"perhaps\"",
                          "expiry-date=\"Fri\""})
    EXPECT_EQ(parse_thaw(odd).state, State::frozen) << odd;
}

}  // namespace
}  // namespace holdfast::storage
