#include "base/temporary_directory.hpp"
#include "storage/contract_suite.hpp"
#include "storage/local/local_backend.hpp"

#include <vector>

namespace holdfast::storage {
namespace {

class LocalPlace final : public Place {
public:
  Backend& open() override {
    return *backends_.emplace_back(open_local(directory_.file("store"), LocalOpen::create));
  }

private:
  const base::TemporaryDirectory directory_;
  std::vector<std::unique_ptr<Backend>> backends_;
};

INSTANTIATE_TEST_SUITE_P(Local, BackendContract, testing::ValuesIn(places_of<LocalPlace>()));

}  // namespace
}  // namespace holdfast::storage
