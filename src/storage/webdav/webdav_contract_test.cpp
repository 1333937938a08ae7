#include "storage/contract_suite.hpp"
#include "storage/cutting_proxy.hpp"
#include "webdav_server_testing.hpp"

#include <poll.h>

#include <memory>
#include <vector>

namespace holdfast::storage {
namespace {

/// Writers that race wait for each other, and how often one looks is bounded.
void wait_really(double seconds) {
  static_cast<void>(::poll(nullptr, 0, static_cast<int>(seconds * 1000)));
}

class WebdavPlace final : public Place {
public:
  WebdavPlace() { surroundings_.sleeper_ = wait_really; }
  Backend& open() override { return *backends_.emplace_back(surroundings_.open()); }

private:
  WebdavSurroundings surroundings_;
  std::vector<std::unique_ptr<Backend>> backends_;
};

/// Every backend loses one connection, somewhere in its first exchanges.
class CutWebdavPlace final : public Place {
public:
  CutWebdavPlace() { surroundings_.sleeper_ = wait_really; }
  Backend& open() override {
    auto& opened = *backends_.emplace_back(surroundings_.open(WebdavOpen::create, proxy_.port()));
    const auto how = surroundings_.random_.below(2) == 0 ? Cut::reset : Cut::close;
    proxy_.cut_after(surroundings_.random_.below(100'000), how);
    return opened;
  }

private:
  CuttingProxy proxy_{shared_webdav_server().tls_port()};
  WebdavSurroundings surroundings_;
  std::vector<std::unique_ptr<Backend>> backends_;
};

INSTANTIATE_TEST_SUITE_P(Webdav, BackendContract, testing::ValuesIn(places_of<WebdavPlace>()));
INSTANTIATE_TEST_SUITE_P(CutWebdav, BackendContract,
                         testing::ValuesIn(places_of<CutWebdavPlace>()));

}  // namespace
}  // namespace holdfast::storage
