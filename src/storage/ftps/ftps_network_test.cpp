#include "ftps_server_testing.hpp"
#include "storage/network_suite.hpp"

namespace holdfast::storage {
namespace {

/// It keeps a file to itself until it gives up who was writing it.
const FtpsServer& impatient_server() {
  static const FtpsServer server({"data_connection_timeout=2"});
  return server;
}

class FarFtpsPlace final : public FarPlace {
public:
  FarFtpsPlace() { around_.http_.stall_seconds_max = 2; }
  CuttingProxy& network() override { return proxy_; }
  std::unique_ptr<Backend> open() override {
    return around_.open(FtpsOpen::create, proxy_.proxy_url());
  }

private:
  FtpsSurroundings around_{impatient_server()};
  CuttingProxy proxy_{CuttingProxy::as_asked};
};

INSTANTIATE_TEST_SUITE_P(Ftps, NetworkContract,
                         testing::ValuesIn(far_places_of<FarFtpsPlace>(300'000)), fault_name);

}  // namespace
}  // namespace holdfast::storage
