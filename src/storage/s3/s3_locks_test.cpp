#include "base/error.hpp"
#include "s3_client.hpp"
#include "s3_server_testing.hpp"
#include "storage/s3/s3_backend.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace holdfast::storage {
namespace {

using base::as_bytes;
using testing::ElementsAre;
using testing::IsEmpty;

class S3LocksTest : public testing::Test {
protected:
  S3LocksTest() {
    around_.name_own_bucket();
    backend_ = around_.open(rgw_, options());
  }

  S3Options options() const {
    S3Options options;
    options.endpoint = fmt::format("http://127.0.0.1:{}", rgw_.port());
    options.lock.period_seconds = 3600;
    options.is_kept = [](const std::string& name) { return name.starts_with("packs/"); };
    return options;
  }
  /// What somebody else sends who has the credentials.
  void send(const char* method, const std::string& name, const char* body) {
    const auto place = resolve_s3_place(around_.location(), options());
    S3Client client(place, options(), rgw_.source(), around_.context(), "the bucket");
    client.send({.doing = "meddling",
                 .method = method,
                 .key = place.prefix + name,
                 .body = as_bytes(body)});
  }
  base::Bytes random_bytes(std::size_t size) {
    base::Bytes bytes(size);
    around_.random_.fill(bytes);
    return bytes;
  }
  std::vector<AlteredObject> altered() {
    std::vector<AlteredObject> found;
    locks().list_altered([&](const AlteredObject& object) { found.push_back(object); });
    return found;
  }
  std::vector<std::string> held() {
    std::vector<std::string> names;
    locks().list_held([&](const HeldObject& object) {
      names.push_back(fmt::format("{} {}", object.name, object.size));
      EXPECT_GT(object.until.seconds, around_.clock_.wall_now().seconds + 3500);
    });
    return names;
  }
  ObjectLocks& locks() { return *backend_->locks(); }
  std::string read(const char* name) {
    std::string text(20, ' ');
    text.resize(backend_->read(name, 0, std::as_writable_bytes(std::span(text))));
    return text;
  }

  S3Surroundings around_;
  const TestServer rgw_{"rgw"};
  std::unique_ptr<Backend> backend_;
};

TEST_F(S3LocksTest, WhatIsKeptIsLockedAndTheRestIsNot) {
  locks().expect_enforced();
  EXPECT_EQ(locks().terms().period_seconds, 3600);
  EXPECT_EQ(put(*backend_, "packs/small", as_bytes("1")), PutOutcome::stored);
  EXPECT_EQ(put(*backend_, "packs/large", random_bytes(6'000'000)), PutOutcome::stored);
  EXPECT_EQ(put(*backend_, "leases/a", as_bytes("1")), PutOutcome::stored);
  const auto now = around_.clock_.wall_now().seconds;
  for (const auto* name : {"packs/small", "packs/large"}) {
    EXPECT_GT(locks().locked_until(name)->seconds, now + 4400) << name;
    locks().lock(name, {now + 9000, 0});
    EXPECT_EQ(locks().locked_until(name), (base::WallTime{now + 9000, 0})) << name;
    EXPECT_THROW(locks().lock(name, {now + 60, 0}), base::Error) << "nobody shortens it";
  }
  EXPECT_FALSE(locks().locked_until("leases/a"));
  EXPECT_FALSE(locks().locked_until("packs/none"));
  EXPECT_THROW(locks().lock("packs/none", {now + 60, 0}), base::Error);
}

TEST_F(S3LocksTest, WhatIsRemovedWhileItIsLockedIsHeld) {
  EXPECT_EQ(put(*backend_, "packs/a", as_bytes("12345")), PutOutcome::stored);
  EXPECT_EQ(put(*backend_, "leases/a", as_bytes("1")), PutOutcome::stored);
  EXPECT_EQ(backend_->remove("leases/a"), RemoveOutcome::removed);
  EXPECT_EQ(backend_->remove("packs/a"), RemoveOutcome::held);
  EXPECT_EQ(backend_->remove("packs/a"), RemoveOutcome::was_absent);
  EXPECT_FALSE(backend_->stat("packs/a"));
  backend_->list("", [](const ObjectInfo& object) { ADD_FAILURE() << object.name; });
  EXPECT_THAT(held(), ElementsAre("packs/a 5"));
  EXPECT_THAT(altered(), IsEmpty()) << "it was not somebody else";
  EXPECT_EQ(backend_->remove_leftovers(), 0U);
  EXPECT_THAT(held(), ElementsAre("packs/a 5"));
  EXPECT_EQ(put(*backend_, "packs/a", as_bytes("new")), PutOutcome::stored);
  EXPECT_EQ(read("packs/a"), "new");
}

TEST_F(S3LocksTest, WhatSomebodyElseHidIsBroughtBack) {
  EXPECT_EQ(put(*backend_, "packs/a", as_bytes("true")), PutOutcome::stored);
  send("DELETE", "packs/a", "");
  EXPECT_FALSE(backend_->stat("packs/a"));
  const AlteredObject hidden{"packs/a", AlteredObject::How::hidden};
  EXPECT_THAT(altered(), ElementsAre(hidden));
  EXPECT_EQ(backend_->remove_leftovers(), 0U) << "a cleaning does not finish a thief's work";
  EXPECT_TRUE(locks().bring_back(hidden));
  EXPECT_EQ(read("packs/a"), "true");
  EXPECT_THAT(altered(), IsEmpty());
}

TEST_F(S3LocksTest, WhatSomebodyElsePutOverAnObjectIsFoundBelow) {
  EXPECT_EQ(put(*backend_, "packs/a", as_bytes("true")), PutOutcome::stored);
  send("PUT", "packs/a", "false");
  send("DELETE", "packs/a", "");
  send("PUT", "packs/a", "worse");
  EXPECT_EQ(read("packs/a"), "worse");
  EXPECT_TRUE(backend_->read_elsewhere("packs/a", 1));
  EXPECT_EQ(read("packs/a"), "true");
  EXPECT_TRUE(backend_->read_elsewhere("packs/a", 2));
  EXPECT_EQ(read("packs/a"), "false");
  EXPECT_FALSE(backend_->read_elsewhere("packs/a", 3));
  const AlteredObject overwritten{"packs/a", AlteredObject::How::overwritten};
  EXPECT_THAT(altered(), ElementsAre(overwritten));
  EXPECT_TRUE(locks().bring_back(overwritten));
  EXPECT_THAT(altered(), IsEmpty());
  EXPECT_EQ(get(*around_.open(rgw_, options()), "packs/a", 4), base::copy_of(as_bytes("true")));
}

}  // namespace
}  // namespace holdfast::storage
