#include "base/temporary_directory.hpp"
#include "sftp_server_testing.hpp"
#include "storage/contract_suite.hpp"
#include "storage/sftp/sftp_backend.hpp"

#include <vector>

namespace holdfast::storage {
namespace {

class SftpPlace final : public Place {
public:
  Backend& open() override {
    const auto& server = shared_sftp_server();
    return *backends_.emplace_back(open_sftp(server.address(directory_.file("store")),
                                             server.options(), SftpContext{random_, [](double) {}},
                                             SftpOpen::create));
  }

private:
  const base::TemporaryDirectory directory_;
  base::SystemRandom random_;
  std::vector<std::unique_ptr<Backend>> backends_;
};

INSTANTIATE_TEST_SUITE_P(Sftp, BackendContract, testing::ValuesIn(places_of<SftpPlace>()));

}  // namespace
}  // namespace holdfast::storage
