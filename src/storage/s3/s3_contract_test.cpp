#include "s3_server_testing.hpp"
#include "storage/contract_suite.hpp"
#include "storage/cutting_proxy.hpp"
#include "storage/s3/s3_backend.hpp"

#include <vector>

namespace holdfast::storage {
namespace {

class RgwPlace final : public Place {
public:
  Backend& open() override {
    return *backends_.emplace_back(surroundings_.open(TestServer("rgw")));
  }

private:
  S3Surroundings surroundings_;
  std::vector<std::unique_ptr<Backend>> backends_;
};

/// Every backend loses one connection, somewhere in its first exchanges.
class CutRgwPlace final : public Place {
public:
  Backend& open() override {
    auto& opened =
        *backends_.emplace_back(surroundings_.open(TestServer("rgw"), {}, proxy_.port()));
    const auto how = surroundings_.random_.below(2) == 0 ? Cut::reset : Cut::close;
    proxy_.cut_after(surroundings_.random_.below(100'000), how);
    return opened;
  }

private:
  CuttingProxy proxy_{TestServer("rgw").port()};
  S3Surroundings surroundings_;
  std::vector<std::unique_ptr<Backend>> backends_;
};

/// Refuses conditions, so that creating exclusively is only looked for.
class SwiftPlace final : public Place {
public:
  Backend& open() override {
    S3Options options;
    options.exclusive_create = S3Options::ExclusiveCreate::by_looking;
    return *backends_.emplace_back(surroundings_.open(TestServer("swift"), options));
  }
  bool decides_races() const override { return false; }

private:
  S3Surroundings surroundings_;
  std::vector<std::unique_ptr<Backend>> backends_;
};

/// Keeps versions and locks every object for a day, whoever writes it: leases, too. What loses a
/// race cannot be destroyed then, and is seen.
class LockingRgwPlace final : public Place {
public:
  LockingRgwPlace() {
    around_.use_new_bucket(
        TestServer("rgw"), {{"x-amz-bucket-object-lock-enabled", "true"}},
        {{"object-lock",
          "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>"
          "<DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule>"
          "</ObjectLockConfiguration>"}});
  }
  Backend& open() override { return *backends_.emplace_back(around_.open(TestServer("rgw"))); }
  bool decides_races() const override { return false; }

private:
  S3Surroundings around_;
  std::vector<std::unique_ptr<Backend>> backends_;
};

/// Keeps versions, and what it is told to keep it locks.
class VersionedRgwPlace final : public Place {
public:
  Backend& open() override {
    S3Options options;
    options.lock.period_seconds = 3600;
    options.is_kept = [](const std::string& name) { return name.starts_with("packs/"); };
    around_.name_own_bucket();
    return *backends_.emplace_back(around_.open(TestServer("rgw"), options));
  }

private:
  S3Surroundings around_;
  std::vector<std::unique_ptr<Backend>> backends_;
};

INSTANTIATE_TEST_SUITE_P(Rgw, BackendContract, testing::ValuesIn(places_of<RgwPlace>()));
INSTANTIATE_TEST_SUITE_P(LockingRgw, BackendContract,
                         testing::ValuesIn(places_of<LockingRgwPlace>()));
INSTANTIATE_TEST_SUITE_P(VersionedRgw, BackendContract,
                         testing::ValuesIn(places_of<VersionedRgwPlace>()));
INSTANTIATE_TEST_SUITE_P(CutRgw, BackendContract, testing::ValuesIn(places_of<CutRgwPlace>()));
INSTANTIATE_TEST_SUITE_P(Swift, BackendContract, testing::ValuesIn(places_of<SwiftPlace>()));

}  // namespace
}  // namespace holdfast::storage
