#pragma once

#include "storage/backend.hpp"
#include "storage/cutting_proxy.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace holdfast::storage {

/// A new store on a server that is reached through a network of its own.
class FarPlace {
public:
  virtual ~FarPlace() = default;
  virtual CuttingProxy& network() = 0;
  /// Gives up a server that says nothing for two seconds, and repeats at once.
  virtual std::unique_ptr<Backend> open() = 0;
};

struct FarPlaces {
  std::string network_fault;  // for the name of the test
  Cut how = Cut::reset;
  Way way = Way::both;
  std::function<std::unique_ptr<FarPlace>()> make;
  std::size_t object_size = 0;  // of more than one part
};

/// Nothing is lost and nothing doubled wherever the network fails in what a run does with a store:
/// 64 positions, six kinds of failure. Long tests:
///
///   INSTANTIATE_TEST_SUITE_P(Sftp, NetworkContract,
///                            testing::ValuesIn(far_places_of<FarSftpPlace>(300'000)), fault_name);
class NetworkContract : public testing::TestWithParam<FarPlaces> {};

/// Defined beside the test, so that who instantiates the suite links it.
std::vector<FarPlaces> each_network_fault(std::function<std::unique_ptr<FarPlace>()> make,
                                          std::size_t object_size);
void PrintTo(const FarPlaces& places, std::ostream* out);
std::string fault_name(const testing::TestParamInfo<FarPlaces>& info);

template <class SomeFarPlace>
std::vector<FarPlaces> far_places_of(std::size_t object_size) {
  return each_network_fault([] { return std::make_unique<SomeFarPlace>(); }, object_size);
}

}  // namespace holdfast::storage
