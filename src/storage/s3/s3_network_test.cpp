#include "s3_server_testing.hpp"
#include "storage/network_suite.hpp"

#include <fmt/format.h>

namespace holdfast::storage {
namespace {

class FarBucketPlace final : public FarPlace {
public:
  CuttingProxy& network() override { return proxy_; }
  std::unique_ptr<Backend> open() override {
    S3Options options;
    options.endpoint = fmt::format("http://127.0.0.1:{}", proxy_.port());
    return open_s3(around_.location(), options, rgw_.source(), around_.context(make_test_client(2)),
                   S3Open::create);
  }

private:
  S3Surroundings around_;
  const TestServer rgw_{"rgw"};
  CuttingProxy proxy_{rgw_.port()};
};

// Two parts.
INSTANTIATE_TEST_SUITE_P(Bucket, NetworkContract,
                         testing::ValuesIn(far_places_of<FarBucketPlace>(6'000'000)), fault_name);

}  // namespace
}  // namespace holdfast::storage
