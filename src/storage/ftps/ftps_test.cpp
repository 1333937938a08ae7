#include "base/error.hpp"
#include "base/task_group.hpp"
#include "ftps_server_testing.hpp"
#include "meddling_session.hpp"
#include "storage/backend.hpp"
#include "storage/cutting_proxy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>

namespace holdfast::storage {
namespace {

using base::Error;
using base::ErrorKind;
using net::FtpReply;
using testing::HasSubstr;
using testing::Not;

constexpr std::size_t large_size = 300'000;
constexpr std::size_t of_many_parts = 20'000'000;

class FtpsTest : public testing::Test {
protected:
  /// What `work` threw.
  template <class Work>
  Error failure_of(Work work) {
    try {
      work();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return {ErrorKind::io, ""};
  }

  Error failure_at(const Location& location, const std::string& password) {
    return failure_of([&] {
      open_ftps(location, FtpsSurroundings::password(password), around_.options(),
                around_.context(), FtpsOpen::existing);
    });
  }

  base::Bytes random_bytes(std::size_t size) {
    base::Bytes bytes(size);
    around_.random_.fill(bytes);
    return bytes;
  }

  /// Everything that a run does with a store.
  void use(Backend& backend, const base::Bytes& large) {
    ASSERT_EQ(put(backend, "packs/ab/large", large), PutOutcome::stored);
    ASSERT_EQ(put(backend, "small", base::as_bytes("1")), PutOutcome::stored);
    EXPECT_EQ(get(backend, "packs/ab/large", large.size()), large);
    std::set<std::string> seen;
    backend.list("", [&](const ObjectInfo& object) {
      EXPECT_TRUE(seen.insert(object.name).second) << object.name;
    });
    EXPECT_EQ(seen, (std::set<std::string>{"packs/ab/large", "small"}));
    EXPECT_EQ(put(backend, "small", base::as_bytes("2")), PutOutcome::already_there);
    EXPECT_EQ(get(backend, "small", 1), base::copy_of(base::as_bytes("1")));
    EXPECT_EQ(backend.remove("small"), RemoveOutcome::removed);
    EXPECT_FALSE(backend.stat("small"));
    EXPECT_EQ(backend.remove("packs/ab/large"), RemoveOutcome::removed);
  }

  std::unique_ptr<Backend> open_with(const MeddlingSession::Meddle& meddle) {
    return open_with(around_, meddle);
  }
  static std::unique_ptr<Backend> open_with(FtpsSurroundings& around,
                                            const MeddlingSession::Meddle& meddle) {
    return open_ftps(around.location(), FtpsSurroundings::password(), around.options(),
                     around.context(meddling(around.sessions(), meddle)), FtpsOpen::create);
  }

  /// What lies in the folder of uploads or claims.
  static std::size_t left_in(const FtpsSurroundings& around, const std::string& name) {
    const std::filesystem::directory_iterator begin(around.file("/.holdfast/" + name));
    return static_cast<std::size_t>(std::distance(begin, std::filesystem::directory_iterator()));
  }

  FtpsSurroundings around_;
};

TEST_F(FtpsTest, KeepsFilesThatOtherToolsCanRead) {
  const auto backend = around_.open();
  EXPECT_EQ(put(*backend, "packs/ab/1", base::as_bytes("text")), PutOutcome::stored);
  std::ifstream in(around_.file("/packs/ab/1"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "text");
  EXPECT_EQ(backend->describe(), around_.location().url());
  EXPECT_EQ(left_in(around_, "uploads"), 0U);
  EXPECT_EQ(left_in(around_, "claims"), 0U);
}

TEST_F(FtpsTest, AFolderThatIsNotThereIsNotMade) {
  const auto error = failure_of([&] { around_.open(FtpsOpen::existing); });
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_THAT(error.hint(), HasSubstr("check the path"));
  EXPECT_FALSE(std::filesystem::exists(around_.file("")));
}

TEST_F(FtpsTest, FoldersAboveItAreMadeWhateverTheirNames) {
  auto location = around_.location();
  location.path += "/with space/and%20more/-dash";
  use(*open_ftps(location, FtpsSurroundings::password(), {}, around_.context(), FtpsOpen::create),
      random_bytes(10));
  EXPECT_TRUE(std::filesystem::is_directory(around_.file("/with space/and%20more/-dash/packs/ab")));
  location.path = "/stores/pattern*";
  EXPECT_EQ(failure_at(location, "x").kind(), ErrorKind::invalid_input);
  location.path = "/stores/line\nDELE x";
  EXPECT_EQ(failure_at(location, "x").kind(), ErrorKind::invalid_input);
}

TEST_F(FtpsTest, AStoreThatWentIsNotEmpty) {
  const auto backend = around_.open();
  ASSERT_EQ(put(*backend, "packs/a", base::as_bytes("1")), PutOutcome::stored);
  std::filesystem::remove_all(around_.file(""));
  const auto nothing = [](const ObjectInfo&) {};
  EXPECT_EQ(failure_of([&] { backend->list("", nothing); }).kind(), ErrorKind::not_found);
  EXPECT_EQ(failure_of([&] { backend->list("packs/", nothing); }).kind(), ErrorKind::not_found);
  EXPECT_EQ(failure_of([&] { backend->stat("packs/a"); }).kind(), ErrorKind::not_found);
  EXPECT_EQ(failure_of([&] { backend->remove("packs/a"); }).kind(), ErrorKind::not_found);
  EXPECT_EQ(failure_of([&] { backend->remove_leftovers(); }).kind(), ErrorKind::not_found);
  EXPECT_EQ(failure_of([&] { static_cast<void>(put(*backend, "b", {})); }).kind(),
            ErrorKind::not_found);
}

TEST_F(FtpsTest, WhatMayNotBeSeenIsNotAbsent) {
  const auto backend = around_.open();
  ASSERT_EQ(put(*backend, "packs/a", base::as_bytes("1")), PutOutcome::stored);
  const auto forbid = [&](const char* path, std::filesystem::perms perms) {
    std::filesystem::permissions(around_.file(path), perms);
  };
  forbid("/packs/a", std::filesystem::perms::none);
  base::Bytes byte(1);
  EXPECT_EQ(failure_of([&] { backend->read("packs/a", 0, byte); }).kind(),
            ErrorKind::access_denied);
  forbid("/packs", std::filesystem::perms::none);
  EXPECT_EQ(failure_of([&] { backend->stat("packs/a"); }).kind(), ErrorKind::access_denied);
  EXPECT_EQ(failure_of([&] { backend->remove("packs/a"); }).kind(), ErrorKind::access_denied);
  EXPECT_EQ(failure_of([&] { static_cast<void>(put(*backend, "packs/b", {})); }).kind(),
            ErrorKind::access_denied);
}

TEST_F(FtpsTest, WrongPasswordsAreSaidAndNotShown) {
  auto error = failure_at(around_.location(), "geheim");
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.hint(), HasSubstr("and the password"));
  EXPECT_THAT(error.what(), Not(HasSubstr("geheim")));
  error = failure_at(around_.location(), "");
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.hint(), HasSubstr("HOLDFAST_FTPS_PASSWORD"));
  auto nobody = around_.location();
  nobody.user = "";
  EXPECT_EQ(failure_at(nobody, "x").kind(), ErrorKind::invalid_input);
}

TEST_F(FtpsTest, NothingGoesInTheOpenUnlessThatIsAccepted) {
  const FtpsServer server({"ssl_enable=NO"});
  const FtpsSurroundings around(server);
  auto location = around.location();
  const auto open = [&](const FtpsOptions& options) {
    return open_ftps(location, FtpsSurroundings::password(), options, around_.context(),
                     FtpsOpen::create);
  };
  auto error = failure_of([&] { open({}); });
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.what(), HasSubstr("does not offer TLS"));
  EXPECT_THAT(server.log(), Not(HasSubstr("\"PASS ")));
  location.scheme = "ftp";
  error = failure_of([&] { open({}); });
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.what(), HasSubstr("in the open"));
  EXPECT_THAT(error.hint(), HasSubstr("plain_password: true"));
  EXPECT_THAT(server.log(), Not(HasSubstr("\"PASS ")));
  use(*open({.allows_plain = true}), random_bytes(10));
}

TEST_F(FtpsTest, ACertificateThatIsNotTrustedIsRefused) {
  around_.http_.ca_file = "";
  const auto error = failure_of([&] { around_.open(); });
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.hint(), HasSubstr("ca_file"));
  around_.http_.ca_file = implicit_ftps_server().ca_file();
  EXPECT_EQ(failure_of([&] { around_.open(); }).kind(), ErrorKind::access_denied);
}

TEST_F(FtpsTest, ACertificateForAnotherNameIsRefused) {
  auto location = around_.location();
  location.host = "localhost";
  const auto error = failure_at(location, FtpsServer::password);
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.what(), HasSubstr("another name"));
}

TEST_F(FtpsTest, AClientCertificateIsShown) {
  const FtpsServer server({"require_cert=YES", "validate_cert=NO"});
  FtpsSurroundings around(server);
  EXPECT_THROW(around.open(), Error);
  around.http_.client_certificate = server.ca_file();
  around.http_.client_key = server.key_file();
  use(*around.open(), random_bytes(10));
}

TEST_F(FtpsTest, ANameWithoutAnAddressIsSaidOnEachAttempt) {
  auto location = around_.location();
  location.host = "holdfast-test.invalid";
  const auto error = failure_at(location, "x");
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  EXPECT_EQ(error.layer(), base::Layer::name);
  EXPECT_THAT(error.what(), HasSubstr("has no address"));
  EXPECT_THAT(error.what(), Not(HasSubstr("preparing")));
}

TEST_F(FtpsTest, AServerThatDoesNotAnswerIsUnavailable) {
  auto location = around_.location();
  location.port = 1;
  const auto error = failure_at(location, "x");
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  EXPECT_THAT(error.hint(), HasSubstr("whether the server runs"));
}

TEST_F(FtpsTest, TlsThatBeginsAtTheWrongTimeIsSaid) {
  const auto error = failure_of([&] {
    open_ftps(around_.location(), FtpsSurroundings::password(), {.is_implicit = true},
              around_.context(), FtpsOpen::create);
  });
  EXPECT_THAT(error.what(), HasSubstr("TLS could not be set up"));
}

TEST_F(FtpsTest, AServerThatTakesFewConnectionsIsUsedWithThose) {
  const FtpsServer server({"max_clients=2"});
  FtpsSurroundings around(server);
  const auto backend = around.open();
  base::TaskGroup group;
  for (int thread = 0; thread < 4; ++thread) {
    group.spawn([&, thread](const std::stop_token&) {
      for (int i = 0; i < 3; ++i) {
        const auto name = "packs/" + std::to_string(thread) + std::to_string(i);
        EXPECT_EQ(put(*backend, name, base::as_bytes(name)), PutOutcome::stored);
      }
    });
  }
  group.join();
  std::size_t objects = 0;
  backend->list("", [&](const ObjectInfo&) { ++objects; });
  EXPECT_EQ(objects, 12U);
}

TEST_F(FtpsTest, ALoginIsKeptAndAFileIsReadOnWithoutAsking) {
  const auto large = random_bytes(of_many_parts);
  const FtpsServer server;
  FtpsSurroundings around(server);
  const auto backend = around.open();
  ASSERT_EQ(put(*backend, "packs/large", large), PutOutcome::stored);
  base::Bytes piece(1'000'000);
  for (std::size_t at = 0; at < large.size(); at += piece.size()) {
    ASSERT_EQ(backend->read("packs/large", at, piece), piece.size());
    ASSERT_TRUE(std::equal(piece.begin(), piece.end(), large.begin() + static_cast<long>(at)));
  }
  const auto count = [&](const std::string& text) {
    std::size_t found = 0;
    const auto log = server.log();
    for (auto at = log.find(text); at != log.npos; at = log.find(text, at + 1))
      ++found;
    return found;
  };
  EXPECT_EQ(count("\"PASS "), 1U);
  EXPECT_EQ(count("\"RETR "), 1U);
  EXPECT_EQ(count("\"STOR "), 3U);
}

TEST_F(FtpsTest, ADiskThatIsFullIsSaid) {
  const auto full = [](const std::string& command, MeddlingSession::Do go_on) {
    return command.starts_with("STOR ") ? FtpReply{452, "Insufficient storage"} : go_on();
  };
  auto error = failure_of([&] { static_cast<void>(put(*open_with(full), "a", {})); });
  EXPECT_EQ(error.kind(), ErrorKind::no_space);
  // As vsftpd says it.
  const auto local = [](const std::string& command, MeddlingSession::Do go_on) {
    return command.starts_with("STOR ") ? FtpReply{451, "Failure writing to local file."} : go_on();
  };
  error = failure_of([&] { static_cast<void>(put(*open_with(local), "a", {})); });
  EXPECT_EQ(error.kind(), ErrorKind::no_space);
  EXPECT_THAT(error.what(), HasSubstr("writing to local file"));
  EXPECT_EQ(left_in(around_, "uploads"), 0U);
}

TEST_F(FtpsTest, AServerThatMovesFoldersOntoOthersIsFoundOut) {
  const auto careless = [](const std::string& command, MeddlingSession::Do go_on) {
    const auto reply = go_on();
    return command.starts_with("RNFR ") ? FtpReply{250, "Rename successful."} : reply;
  };
  const auto error = failure_of([&] { open_with(careless)->create("a"); });
  EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  EXPECT_EQ(left_in(around_, "uploads"), 0U);
}

TEST_F(FtpsTest, NothingIsLostOrDoubledWhicheverReplyGetsLost) {
  int commands = 0;
  int lost = -1;
  const auto lose = [&](const std::string&, MeddlingSession::Do go_on) {
    auto reply = go_on();
    if (commands++ == lost) throw Error(ErrorKind::unavailable, "the reply got lost");
    return reply;
  };
  const auto large = random_bytes(10'000);
  for (bool was_lost = true; was_lost; ++lost) {
    SCOPED_TRACE(lost);
    FtpsSurroundings around;
    commands = 0;
    use(*open_with(around, lose), large);
    was_lost = lost < commands;
    EXPECT_EQ(left_in(around, "uploads"), 0U);
    EXPECT_EQ(left_in(around, "claims"), 0U);
  }
  EXPECT_GT(lost, 60) << "every exchange of a run was cut once";
}

TEST_F(FtpsTest, AListThatIsCutIsNotTakenForWhole) {
  const auto backend = around_.open();
  for (int i = 0; i < 300; ++i)
    std::ofstream(around_.file("/object-" + std::to_string(i))) << i;
  CuttingProxy proxy(CuttingProxy::as_asked);
  const auto other = around_.open(FtpsOpen::existing, proxy.proxy_url());
  const auto count = [&] {
    std::size_t seen = 0;
    other->list("", [&](const ObjectInfo&) { ++seen; });
    return seen;
  };
  const auto before = proxy.relayed();
  EXPECT_EQ(count(), 300U);
  const auto once = proxy.relayed() - before;
  constexpr std::uint64_t positions = 16;
  for (std::uint64_t position = 0; position < positions; ++position) {
    SCOPED_TRACE(position);
    proxy.cut_after(once * position / positions, Cut::close);
    EXPECT_EQ(count(), 300U);
  }
}

TEST_F(FtpsTest, AnUploadThatIsCutGoesOnWhereItWas) {
  const auto large = random_bytes(of_many_parts);
  CuttingProxy proxy(CuttingProxy::as_asked);
  const auto backend = around_.open(FtpsOpen::create, proxy.proxy_url());
  const auto writer = backend->create("packs/large");
  const auto before = proxy.relayed();
  proxy.cut_after(7'000'000, Cut::reset);
  writer->append(large);
  EXPECT_EQ(writer->commit(), PutOutcome::stored);
  EXPECT_TRUE(proxy.has_cut());
  EXPECT_LT(proxy.relayed() - before, large.size() + 4'000'000) << "not from the beginning";
  EXPECT_EQ(get(*backend, "packs/large", large.size()), large);
}

/// As if it had last been changed so long ago.
void make_older(const std::string& path, std::chrono::hours age) {
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - age);
}

TEST_F(FtpsTest, WhatADeadWriterLeftGoesAfterADay) {
  const auto backend = around_.open();
  static_cast<void>(put(*backend, "packs/a", base::as_bytes("1")));
  const auto leave = [&](const std::string& folder, const char* mark, int hours) {
    const auto path = around_.file("/.holdfast/" + folder);
    std::filesystem::create_directories(path);
    std::ofstream(path + "/" + mark) << "half";
    make_older(path + "/" + mark, std::chrono::hours(hours));
    make_writable(path);
  };
  leave("uploads/0123456789abcdef", "0123456789abcdef", 25);
  leave("uploads/fedcba9876543210", "fedcba9876543210", 23);
  leave("claims/packs~b", "0000000000000000", 25);
  EXPECT_EQ(backend->remove_leftovers(), 2U);
  EXPECT_EQ(left_in(around_, "uploads"), 1U);
  EXPECT_EQ(left_in(around_, "claims"), 0U);
}

TEST_F(FtpsTest, WhatADeadWriterCouldNotFinishIsFinishedForIt) {
  const auto backend = around_.open();
  static_cast<void>(put(*backend, "packs/a", base::as_bytes("1")));
  for (const char* claim : {"/.holdfast/claims/packs~b", "/.holdfast/claims/packs~c"}) {
    std::filesystem::create_directory(around_.file(claim));
    make_writable(around_.file(claim));
  }
  std::ofstream(around_.file("/.holdfast/claims/packs~b/0000000000000000")) << "theirs";
  EXPECT_EQ(put(*backend, "packs/b", base::as_bytes("ours")), PutOutcome::already_there);
  EXPECT_EQ(get(*backend, "packs/b", 10), base::copy_of(base::as_bytes("theirs")));
  EXPECT_EQ(put(*backend, "packs/c", base::as_bytes("ours")), PutOutcome::stored);
  EXPECT_EQ(left_in(around_, "uploads"), 0U);
  static_cast<void>(backend->remove_leftovers());
  EXPECT_EQ(left_in(around_, "claims"), 0U);
}

TEST_F(FtpsTest, AWriterThatWasHelpedKnowsItsObject) {
  const auto help = [&](const std::string& command, MeddlingSession::Do go_on) {
    auto reply = go_on();
    const bool claims = command.find(" RNTO ") != command.npos &&
                        command.ends_with("/claims/packs~a") && reply.is_success();
    if (!claims) return reply;
    const auto claim = around_.file("/.holdfast/claims/packs~a");
    for (const auto& entry : std::filesystem::directory_iterator(claim))
      std::filesystem::rename(entry.path(), around_.file("/packs/a"));
    return reply;
  };
  const auto backend = open_with(help);
  static_cast<void>(put(*backend, "packs/b", {}));
  EXPECT_EQ(put(*backend, "packs/a", base::as_bytes("ours")), PutOutcome::stored);
  EXPECT_EQ(get(*backend, "packs/a", 10), base::copy_of(base::as_bytes("ours")));
}

}  // namespace
}  // namespace holdfast::storage
