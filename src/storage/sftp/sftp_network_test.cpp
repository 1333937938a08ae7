#include "base/temporary_directory.hpp"
#include "sftp_server_testing.hpp"
#include "storage/network_suite.hpp"

namespace holdfast::storage {
namespace {

const SftpOptions& patient_for_two_seconds() {
  static const auto options = [] {
    auto made = shared_sftp_server().options_for_any_port();
    made.stall_seconds = 2;
    return made;
  }();
  return options;
}

class FarSftpPlace final : public FarPlace {
public:
  CuttingProxy& network() override { return proxy_; }
  std::unique_ptr<Backend> open() override {
    auto address = shared_sftp_server().address(directory_.file("store"));
    address.port = proxy_.port();
    return open_sftp(address, patient_for_two_seconds(), {random_, [](double) {}},
                     SftpOpen::create);
  }

private:
  const base::TemporaryDirectory directory_;
  base::SystemRandom random_;
  CuttingProxy proxy_{shared_sftp_server().port()};
};

INSTANTIATE_TEST_SUITE_P(Sftp, NetworkContract,
                         testing::ValuesIn(far_places_of<FarSftpPlace>(300'000)), fault_name);

}  // namespace
}  // namespace holdfast::storage
