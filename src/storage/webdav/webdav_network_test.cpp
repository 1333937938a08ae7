#include "storage/network_suite.hpp"
#include "webdav_server_testing.hpp"

namespace holdfast::storage {
namespace {

class FarWebdavPlace final : public FarPlace {
public:
  CuttingProxy& network() override { return proxy_; }
  std::unique_ptr<Backend> open() override {
    auto location = around_.location();
    location.port = proxy_.port();
    return open_webdav(location, around_.options(),
                       around_.context(make_webdav_test_client(shared_webdav_server(), 2)),
                       WebdavOpen::create);
  }

private:
  WebdavSurroundings around_;
  CuttingProxy proxy_{shared_webdav_server().tls_port()};
};

INSTANTIATE_TEST_SUITE_P(Webdav, NetworkContract,
                         testing::ValuesIn(far_places_of<FarWebdavPlace>(1'000'000)), fault_name);

}  // namespace
}  // namespace holdfast::storage
