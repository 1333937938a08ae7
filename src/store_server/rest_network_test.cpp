#include "rest_server_testing.hpp"
#include "storage/network_suite.hpp"

namespace holdfast::store_server {
namespace {

class FarRestPlace final : public storage::FarPlace {
public:
  storage::CuttingProxy& network() override { return proxy_; }
  std::unique_ptr<storage::Backend> open() override {
    return storage::open_rest(
        around_.location(proxy_.port()), around_.server().token(TokenKind::full),
        around_.context(make_rest_test_client(around_.server(), 2)), storage::RestOpen::create);
  }

private:
  RestSurroundings around_;
  storage::CuttingProxy proxy_{around_.server().port()};
};

}  // namespace
}  // namespace holdfast::store_server

namespace holdfast::storage {
namespace {

// Three parts.
INSTANTIATE_TEST_SUITE_P(Rest, NetworkContract,
                         testing::ValuesIn(far_places_of<store_server::FarRestPlace>(5'000'000)),
                         fault_name);

}  // namespace
}  // namespace holdfast::storage
