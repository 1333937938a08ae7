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

INSTANTIATE_TEST_SUITE_P(Rgw, BackendContract, testing::ValuesIn(places_of<RgwPlace>()));
INSTANTIATE_TEST_SUITE_P(CutRgw, BackendContract, testing::ValuesIn(places_of<CutRgwPlace>()));
INSTANTIATE_TEST_SUITE_P(Swift, BackendContract, testing::ValuesIn(places_of<SwiftPlace>()));

}  // namespace
}  // namespace holdfast::storage
