#include "ftps_server_testing.hpp"
#include "storage/contract_suite.hpp"
#include "storage/cutting_proxy.hpp"

#include <fmt/format.h>

#include <memory>
#include <vector>

namespace holdfast::storage {
namespace {

class ExplicitPlace : public Place {
public:
  explicit ExplicitPlace(const FtpsServer& server = explicit_ftps_server())
      : surroundings_(server) {}
  Backend& open() override { return *backends_.emplace_back(surroundings_.open()); }

protected:
  FtpsSurroundings surroundings_;
  std::vector<std::unique_ptr<Backend>> backends_;
};

class ImplicitPlace final : public ExplicitPlace {
public:
  ImplicitPlace() : ExplicitPlace(implicit_ftps_server()) {}
};

/// Every backend loses one connection, somewhere in its first exchanges.
class CutPlace final : public ExplicitPlace {
public:
  Backend& open() override {
    auto& opened =
        *backends_.emplace_back(surroundings_.open(FtpsOpen::create, socks_.proxy_url()));
    const auto how = surroundings_.random_.below(2) == 0 ? Cut::reset : Cut::close;
    socks_.cut_after(surroundings_.random_.below(100'000), how);
    return opened;
  }

private:
  CuttingProxy socks_{CuttingProxy::as_asked};
};

INSTANTIATE_TEST_SUITE_P(ExplicitFtps, BackendContract,
                         testing::ValuesIn(places_of<ExplicitPlace>()));
INSTANTIATE_TEST_SUITE_P(ImplicitFtps, BackendContract,
                         testing::ValuesIn(places_of<ImplicitPlace>()));
INSTANTIATE_TEST_SUITE_P(CutFtps, BackendContract, testing::ValuesIn(places_of<CutPlace>()));

}  // namespace
}  // namespace holdfast::storage
