#include "rest_server_testing.hpp"
#include "storage/contract_suite.hpp"
#include "storage/cutting_proxy.hpp"

#include <memory>
#include <vector>

namespace holdfast::storage {
namespace {

using store_server::RestSurroundings;

class RestPlace final : public Place {
public:
  Backend& open() override { return *backends_.emplace_back(surroundings_.open()); }

private:
  RestSurroundings surroundings_;
  std::vector<std::unique_ptr<Backend>> backends_;
};

/// Every backend loses one connection, somewhere in its first exchanges.
class CutRestPlace final : public Place {
public:
  Backend& open() override {
    auto& opened = *backends_.emplace_back(surroundings_.open(RestOpen::create, proxy_.port()));
    const auto how = surroundings_.random_.below(2) == 0 ? Cut::reset : Cut::close;
    proxy_.cut_after(surroundings_.random_.below(100'000), how);
    return opened;
  }

private:
  CuttingProxy proxy_{store_server::shared_rest_server().port()};
  RestSurroundings surroundings_;
  std::vector<std::unique_ptr<Backend>> backends_;
};

INSTANTIATE_TEST_SUITE_P(Rest, BackendContract, testing::ValuesIn(places_of<RestPlace>()));
INSTANTIATE_TEST_SUITE_P(CutRest, BackendContract, testing::ValuesIn(places_of<CutRestPlace>()));

}  // namespace
}  // namespace holdfast::storage
