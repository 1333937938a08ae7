#include "base/random.hpp"
#include "base/waited_clock.hpp"
#include "storage/contract_suite.hpp"
#include "storage/memory/memory_backend.hpp"
#include "storage/wrappers/faulty_backend.hpp"
#include "storage/wrappers/wrappers.hpp"

namespace holdfast::storage {
namespace {

/// Every wrapper around the next: what goes around a Backend is one.
class WrappedPlace final : public Place {
public:
  Backend& open() override { return *retrying_; }

private:
  base::RateLimits limits() {
    const auto limiter = std::make_shared<base::RateLimiter>(
        [] { return std::optional<std::uint64_t>(100'000); }, clock_);
    return {limiter, limiter};
  }

  base::SeededRandom random_{1};
  base::WaitedClock clock_;
  Traffic traffic_;
  const std::unique_ptr<Backend> memory_ =
      with_senders(with_limits(open_memory(), limits(), clock_, [](double) {}));
  const std::unique_ptr<Backend> faulty_ = with_faults(*memory_, {});
  const std::unique_ptr<Backend> counting_ = with_counting(*faulty_, traffic_);
  const std::unique_ptr<Backend> retrying_ = with_retries(*counting_, {}, random_, [](double) {});
};

INSTANTIATE_TEST_SUITE_P(Wrapped, BackendContract, testing::ValuesIn(places_of<WrappedPlace>()));

}  // namespace
}  // namespace holdfast::storage
