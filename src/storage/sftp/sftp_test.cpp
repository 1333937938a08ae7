#include "base/error.hpp"
#include "base/random.hpp"
#include "sftp_server_testing.hpp"
#include "storage/backend.hpp"
#include "storage/cutting_proxy.hpp"
#include "storage/sftp/sftp_backend.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace holdfast::storage {
namespace {

using base::Error;
using base::ErrorKind;
using ::testing::HasSubstr;

class SftpTest : public ::testing::Test {
protected:
  std::unique_ptr<Backend> open(const SftpOptions& options, SftpOpen mode = SftpOpen::create) {
    return open_sftp(shared_sftp_server().address(store()), options, random_, mode);
  }
  std::unique_ptr<Backend> open() { return open(shared_sftp_server().options()); }
  std::string store() const { return directory_.file("store"); }

  /// What `work` threw.
  template <class Work>
  Error failure_of(Work work) {
    try {
      work();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return Error(ErrorKind::io, "");
  }

  const base::TemporaryDirectory directory_;
  base::SystemRandom random_;
};

TEST_F(SftpTest, AStoreThatIsNotThereIsNotMade) {
  const auto error = failure_of([&] { open(shared_sftp_server().options(), SftpOpen::existing); });
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_THAT(error.hint(), HasSubstr("mounted on the server"));
  EXPECT_FALSE(std::filesystem::exists(store()));
}

TEST_F(SftpTest, AStoreThatWentIsNotEmpty) {
  const auto backend = open();
  std::filesystem::remove_all(store());
  const auto nothing = [](const ObjectInfo&) {};
  EXPECT_EQ(failure_of([&] { backend->list("", nothing); }).kind(), ErrorKind::not_found);
  EXPECT_EQ(failure_of([&] { backend->stat("a"); }).kind(), ErrorKind::not_found);
  EXPECT_EQ(failure_of([&] { backend->remove("a"); }).kind(), ErrorKind::not_found);
  EXPECT_EQ(failure_of([&] { static_cast<void>(put(*backend, "a", {})); }).kind(),
            ErrorKind::not_found);
}

TEST_F(SftpTest, AHostKeyThatIsNotKnownIsRefused) {
  const auto& server = shared_sftp_server();
  const auto options = server.options_with(
      "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nIdentityFile " + server.file("id"));
  const auto error = failure_of([&] { open(options); });
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.hint(), HasSubstr("host key"));
}

TEST_F(SftpTest, AKeyThatTheServerDoesNotKnowIsRefused) {
  const auto& server = shared_sftp_server();
  const auto options =
      server.options_with("IdentitiesOnly yes\nUserKnownHostsFile " + server.file("known_hosts") +
                          "\nIdentityFile " + server.file("other"));
  const auto error = failure_of([&] { open(options); });
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.what(), HasSubstr("Permission denied"));
}

TEST_F(SftpTest, AServerThatDoesNotAnswerIsUnavailable) {
  auto address = shared_sftp_server().address(store());
  address.port = 1;
  const auto error = failure_of(
      [&] { open_sftp(address, shared_sftp_server().options(), random_, SftpOpen::create); });
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  EXPECT_THAT(error.hint(), HasSubstr("whether sshd runs"));
}

TEST_F(SftpTest, ServersWithoutSftpAreSaid) {
  const SftpServer server({"Subsystem other internal-sftp", "ForceCommand echo hello"});
  const auto error = failure_of(
      [&] { open_sftp(server.address(store()), server.options(), random_, SftpOpen::create); });
  EXPECT_THAT(error.what(), HasSubstr(server.address(store()).url()));
  EXPECT_NE(error.hint(), "");
}

/// A backend behind a network that can be cut, as the program uses it: with retries.
class CutSftpTest : public SftpTest {
protected:
  std::unique_ptr<Backend> open_behind(CuttingProxy& proxy) {
    auto address = shared_sftp_server().address(store());
    address.port = proxy.port();
    auto options = shared_sftp_server().options_for_any_port();
    options.stall_seconds = 2;
    return with_retries(open_sftp(address, options, random_, SftpOpen::create), {.attempts_max = 4},
                        random_, [](double) {});
  }
  /// Everything that a run does with a store.
  void use(Backend& backend, const base::Bytes& large) {
    ASSERT_EQ(put(backend, "packs/ab/large", large), PutOutcome::stored);
    ASSERT_EQ(put(backend, "small", base::as_bytes("1")), PutOutcome::stored);
    EXPECT_EQ(get(backend, "packs/ab/large", large.size()), large);
    std::size_t seen = 0;
    backend.list("", [&](const ObjectInfo&) { ++seen; });
    EXPECT_EQ(seen, 2U);
    EXPECT_EQ(backend.remove("small"), RemoveOutcome::removed);
    EXPECT_FALSE(backend.stat("small"));
  }
};

TEST_F(CutSftpTest, NothingIsLostOrDoubledWhereverTheNetworkIsCut) {
  base::Bytes large(300'000);
  random_.fill(large);
  std::uint64_t whole = 0;
  {
    CuttingProxy proxy(shared_sftp_server().port());
    const auto backend = open_behind(proxy);
    const auto connected = proxy.relayed();
    use(*backend, large);
    whole = proxy.relayed() - connected;
  }
  constexpr std::uint64_t positions = 16;
  for (std::uint64_t position = 0; position < positions; ++position) {
    SCOPED_TRACE(position);
    std::filesystem::remove_all(store());
    CuttingProxy proxy(shared_sftp_server().port());
    const auto backend = open_behind(proxy);
    proxy.cut_after(whole * position / positions, position % 2 == 0 ? Cut::reset : Cut::close);
    use(*backend, large);
    EXPECT_TRUE(proxy.has_cut());
  }
}

TEST_F(CutSftpTest, ANetworkThatStallsIsLeft) {
  base::Bytes large(300'000);
  random_.fill(large);
  CuttingProxy proxy(shared_sftp_server().port());
  const auto backend = open_behind(proxy);
  proxy.cut_after(100'000, Cut::stall);
  use(*backend, large);
  EXPECT_TRUE(proxy.has_cut());
}

TEST_F(SftpTest, WhatADeadWriterLeftGoesAfterADay) {
  const auto backend = open();
  static_cast<void>(put(*backend, "packs/a", base::as_bytes("1")));
  const auto young = store() + "/packs/.hf-0123456789abcdef.tmp";
  const auto old = store() + "/packs/.hf-fedcba9876543210.tmp";
  for (const auto& path : {young, old})
    std::ofstream(path) << "half";
  std::filesystem::last_write_time(
      old, std::filesystem::file_time_type::clock::now() - std::chrono::hours(25));
  EXPECT_EQ(backend->remove_leftovers(), 1U);
  EXPECT_TRUE(std::filesystem::exists(young));
  EXPECT_FALSE(std::filesystem::exists(old));
  std::size_t objects = 0;
  backend->list("", [&](const ObjectInfo&) { ++objects; });
  EXPECT_EQ(objects, 1U);
}

}  // namespace
}  // namespace holdfast::storage
