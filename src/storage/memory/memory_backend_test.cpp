#include "storage/memory/memory_backend.hpp"

#include "storage/contract_suite.hpp"

namespace holdfast::storage {
namespace {

class MemoryPlace final : public Place {
public:
  Backend& open() override { return *backend_; }

private:
  const std::unique_ptr<Backend> backend_ = open_memory();
};

INSTANTIATE_TEST_SUITE_P(Memory, BackendContract, testing::ValuesIn(places_of<MemoryPlace>()));

}  // namespace
}  // namespace holdfast::storage
