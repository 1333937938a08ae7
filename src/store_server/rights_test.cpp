#include "rights.hpp"

#include "base/error.hpp"
#include "storage/memory/memory_backend.hpp"

#include <gtest/gtest.h>

namespace holdfast::store_server {
namespace {

class RightsTest : public testing::Test {
protected:
  template <class Work>
  static bool allowed(Work work) {
    try {
      work();
      return true;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), base::ErrorKind::access_denied);
      return false;
    }
  }
  bool may_create(TokenKind kind, const std::string& name) const {
    return allowed([&] { require_create({"t", kind, "r", {}}, name); });
  }
  bool may_remove(TokenKind kind, const std::string& name) {
    return allowed([&] { require_remove({"t", kind, "r", {}}, name, *backend_); });
  }

  std::unique_ptr<storage::Backend> backend_ = storage::open_memory();
};

TEST_F(RightsTest, AppendOnlyTokensAddWhatTakesNothingAway) {
  for (const char* name :
       {"format", "keys/1", "epochs/0001.1", "packs/ab/1", "index/1", "snapshots/1", "reach/1",
        "leases/1.start", "leases/1.end", "checks/1", "doctor/1/small"}) {
    EXPECT_TRUE(may_create(TokenKind::append_only, name)) << name;
  }
  for (const char* name : {"deletions/1", "tombs/1"}) {
    EXPECT_FALSE(may_create(TokenKind::append_only, name)) << name;
    EXPECT_TRUE(may_create(TokenKind::full, name)) << name;
  }
}

TEST_F(RightsTest, AppendOnlyTokensRemoveWhatRunsRemove) {
  for (const char* name : {"format", "keys/1", "epochs/0001.1", "packs/ab/1", "index/1",
                           "snapshots/1", "reach/1", "deletions/1", "tombs/1", "leases"}) {
    EXPECT_FALSE(may_remove(TokenKind::append_only, name)) << name;
    EXPECT_TRUE(may_remove(TokenKind::full, name)) << name;
  }
  for (const char* name :
       {"leases/1.start", "leases/1.2", "leases/1.end", "checks/1", "doctor/1/small"})
    EXPECT_TRUE(may_remove(TokenKind::append_only, name)) << name;
}

TEST_F(RightsTest, TheEndOfALeaseGoesAfterItsStart) {
  ASSERT_EQ(storage::put(*backend_, "leases/1.start", {}), storage::PutOutcome::stored);
  EXPECT_FALSE(may_remove(TokenKind::append_only, "leases/1.end"));
  EXPECT_TRUE(may_remove(TokenKind::append_only, "leases/2.end"));
  EXPECT_TRUE(may_remove(TokenKind::full, "leases/1.end"));
}

}  // namespace
}  // namespace holdfast::store_server
