#include "base/error.hpp"
#include "base/random.hpp"
#include "sftp_server_testing.hpp"
#include "storage/backend.hpp"
#include "storage/cutting_proxy.hpp"
#include "storage/sftp/sftp_backend.hpp"

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
    return open_sftp(shared_sftp_server().address(store()), options, context(), mode);
  }
  std::unique_ptr<Backend> open() { return open(shared_sftp_server().options()); }
  std::string store() const { return directory_.file("store"); }
  SftpContext context() {
    return {random_, [](double) {}, {.attempts_max = 4}};
  }

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
      [&] { open_sftp(address, shared_sftp_server().options(), context(), SftpOpen::create); });
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  EXPECT_THAT(error.hint(), HasSubstr("whether sshd runs"));
}

TEST_F(SftpTest, ServersWithoutSftpAreSaid) {
  const SftpServer server({"Subsystem other internal-sftp", "ForceCommand echo hello"});
  const auto error = failure_of(
      [&] { open_sftp(server.address(store()), server.options(), context(), SftpOpen::create); });
  EXPECT_THAT(error.what(), HasSubstr(server.address(store()).url()));
  EXPECT_NE(error.hint(), "");
}

/// A backend behind a network that can be cut.
TEST_F(SftpTest, AServerThatTakesOneConnectionIsUsedOverThat) {
  auto options = shared_sftp_server().options();
  options.program = directory_.file("ssh");
  std::ofstream(options.program) << "#!/bin/sh\nmkdir '" << directory_.file("taken")
                                 << "' 2>/dev/null && exec ssh \"$@\"\nexit 255\n";
  std::filesystem::permissions(options.program, std::filesystem::perms::owner_all);
  const auto backend = open(options);
  failure_of([&] { backend->connect(); });
  EXPECT_NO_THROW(backend->connect()) << "it is not asked again";
  base::Bytes bytes(8'000'000);
  random_.fill(bytes);
  EXPECT_EQ(put(*backend, "a", bytes), PutOutcome::stored);
  EXPECT_EQ(get(*backend, "a", bytes.size()), bytes);
}

class CutSftpTest : public SftpTest {
protected:
  std::unique_ptr<Backend> open_behind(CuttingProxy& proxy) {
    auto address = shared_sftp_server().address(store());
    address.port = proxy.port();
    auto options = shared_sftp_server().options_for_any_port();
    options.stall_seconds = 2;
    return open_sftp(address, options, context(), SftpOpen::create);
  }
};

TEST_F(CutSftpTest, ACutCostsNoMoreThanWasUnderWay) {
  base::Bytes large(std::size_t{24} << 20);
  random_.fill(large);
  CuttingProxy proxy(shared_sftp_server().port());
  const auto backend = open_behind(proxy);
  const auto up_before = proxy.relayed(Way::up);
  const auto down_before = proxy.relayed(Way::down);
  const auto writer = backend->create("large");
  constexpr std::size_t pieces = 6;
  const auto piece_size = large.size() / pieces;
  for (std::size_t i = 0; i < pieces; ++i) {
    proxy.cut_after(piece_size / 2, i % 2 == 0 ? Cut::reset : Cut::close);
    writer->append(base::ByteView(large).subspan(i * piece_size, piece_size));
  }
  EXPECT_EQ(writer->commit(), PutOutcome::stored);
  EXPECT_TRUE(proxy.has_cut());
  // For each cut a window of ssh once more there, and back to be compared what was under way; at
  // the end most of it back.
  constexpr auto mib = std::size_t{1} << 20;
  EXPECT_LT(proxy.relayed(Way::up) - up_before, large.size() + pieces * 3 * mib);
  EXPECT_LT(proxy.relayed(Way::down) - down_before, large.size() + pieces * 5 * mib);
  EXPECT_EQ(get(*backend, "large", large.size()), large);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(store()))
    files += entry.is_regular_file() ? 1 : 0;
  EXPECT_EQ(files, 1U) << "something was left";
}

// The server went down with the line, and not all that it had confirmed was on its disk.
TEST_F(CutSftpTest, WhatTheServerConfirmedAndLostIsNoticed) {
  base::Bytes large(std::size_t{8} << 20);
  random_.fill(large);
  for (const bool is_shorter : {true, false}) {
    SCOPED_TRACE(is_shorter);
    CuttingProxy proxy(shared_sftp_server().port());
    const auto backend = open_behind(proxy);
    const auto writer = backend->create("large");
    writer->append(base::ByteView(large).first(large.size() - 1));
    for (const auto& entry : std::filesystem::directory_iterator(store())) {
      if (is_shorter) {
        std::filesystem::resize_file(entry.path(), 10);
      } else {
        std::fstream(entry.path(), std::ios::in | std::ios::out).write("\0\0\0\0", 4);
      }
    }
    proxy.cut_after(0, Cut::reset);
    const auto error = failure_of([&] {
      writer->append(base::ByteView(large).last(1));
      static_cast<void>(writer->commit());
    });
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_THAT(error.what(), HasSubstr("confirmed"));
    EXPECT_FALSE(backend->stat("large"));
  }
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
