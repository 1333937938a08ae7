#pragma once

#include "storage/backend.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace holdfast::storage {

/// A fresh, empty place to keep objects, for one test.
class Place {
public:
  virtual ~Place() = default;
  /// A backend on this place, owned by it. Every call should give another one where the kind of
  /// store allows it: what one stored the others must see.
  virtual Backend& open() = 0;
  /// Whether of writers that race for a name exactly one wins. A store without that is only for who
  /// accepts it.
  virtual bool decides_races() const { return true; }
};

/// How a test gets its place.
struct MakePlace {
  std::function<std::unique_ptr<Place>()> make;
  /// Names of tests hold it; without, they would hold its bytes, which differ each time.
  friend void PrintTo(const MakePlace&, std::ostream* out) { *out << "of_its_own"; }
};

/// What "is a Backend" means. A backend's own test says how to make a place and instantiates the
/// suite:
///
///   INSTANTIATE_TEST_SUITE_P(Memory, BackendContract,
///                            testing::ValuesIn(places_of<MemoryPlace>()));
class BackendContract : public testing::TestWithParam<MakePlace> {
protected:
  BackendContract();
  ~BackendContract() override;

  const std::unique_ptr<Place> place_;
  Backend& backend_;
};

/// Defined beside the tests, so that who instantiates the suite links them.
std::vector<MakePlace> contract_parameters(MakePlace make);

template <class SomePlace>
std::vector<MakePlace> places_of() {
  return contract_parameters({[] { return std::make_unique<SomePlace>(); }});
}

}  // namespace holdfast::storage
