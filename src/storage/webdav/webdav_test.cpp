#include "base/error.hpp"
#include "net/meddling_client.hpp"
#include "storage/backend.hpp"
#include "storage/cutting_proxy.hpp"
#include "webdav_server_testing.hpp"

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
using net::HttpRequest;
using net::HttpResponse;
using testing::HasSubstr;
using testing::Not;

constexpr std::size_t large_size = 1'500'000;

class WebdavTest : public testing::Test {
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

  Error failure_at(const Location& location, const WebdavOptions& options) {
    return failure_of(
        [&] { open_webdav(location, options, around_.context(), WebdavOpen::existing); });
  }

  base::Bytes random_bytes(std::size_t size) {
    base::Bytes bytes(size);
    around_.random_.fill(bytes);
    return bytes;
  }

  std::string file(const std::string& name) const {
    return shared_webdav_server().file(around_.folder() + "/" + name);
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

  /// What lies in the folder of uploads or claims.
  std::size_t left_in(const std::string& name) const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(file(name)),
                                                  std::filesystem::directory_iterator()));
  }

  WebdavSurroundings around_;
};

TEST_F(WebdavTest, KeepsFilesThatOtherToolsCanRead) {
  const auto backend = around_.open();
  EXPECT_EQ(put(*backend, "packs/ab/1", base::as_bytes("text")), PutOutcome::stored);
  std::ifstream in(file("packs/ab/1"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "text");
  EXPECT_EQ(backend->describe(), around_.location().url());
  EXPECT_EQ(left_in("~uploads"), 0U);
  EXPECT_EQ(left_in("~claims"), 0U);
}

TEST_F(WebdavTest, AFolderThatIsNotThereIsNotMade) {
  const auto error = failure_of([&] { around_.open(WebdavOpen::existing); });
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_THAT(error.hint(), HasSubstr("check the path"));
  EXPECT_FALSE(std::filesystem::exists(file("")));
}

TEST_F(WebdavTest, FoldersAboveItAreMade) {
  auto location = around_.location();
  location.path += "/with space/and%20more";
  const auto backend =
      open_webdav(location, around_.options(), around_.context(), WebdavOpen::create);
  use(*backend, random_bytes(10));
  EXPECT_TRUE(std::filesystem::is_directory(file("with space/and%20more")));
}

TEST_F(WebdavTest, AStoreThatWentIsNotEmpty) {
  // The second server makes folders of itself.
  auto open_location = around_.location();
  open_location.path = "/open" + around_.folder();
  for (const auto& location : {around_.location(), open_location}) {
    const auto backend =
        open_webdav(location, around_.options(), around_.context(), WebdavOpen::create);
    ASSERT_EQ(put(*backend, "a", base::as_bytes("1")), PutOutcome::stored);
    std::filesystem::remove_all(shared_webdav_server().file(location.path));
    const auto nothing = [](const ObjectInfo&) {};
    EXPECT_EQ(failure_of([&] { backend->list("", nothing); }).kind(), ErrorKind::not_found);
    EXPECT_EQ(failure_of([&] { backend->list("packs/", nothing); }).kind(), ErrorKind::not_found);
    EXPECT_EQ(failure_of([&] { backend->stat("a"); }).kind(), ErrorKind::not_found);
    EXPECT_EQ(failure_of([&] { backend->remove("a"); }).kind(), ErrorKind::not_found);
    EXPECT_EQ(failure_of([&] { backend->remove_leftovers(); }).kind(), ErrorKind::not_found);
    EXPECT_EQ(failure_of([&] { static_cast<void>(put(*backend, "b", {})); }).kind(),
              ErrorKind::not_found);
  }
}

TEST_F(WebdavTest, WrongPasswordsAreSaidAndNotShown) {
  auto error = failure_at(around_.location(), around_.options("geheim"));
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.hint(), HasSubstr("and the password"));
  EXPECT_THAT(error.what(), Not(HasSubstr("geheim")));
  error = failure_at(around_.location(), {});
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.hint(), HasSubstr("HOLDFAST_WEBDAV_PASSWORD"));
  auto nobody = around_.location();
  nobody.user = "";
  error = failure_at(nobody, {});
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.hint(), HasSubstr("webdavs://user@host"));
}

TEST_F(WebdavTest, APasswordGoesOverTlsOnlyUnlessThatIsAccepted) {
  auto location = around_.location();
  location.scheme = "webdav";
  location.port = shared_webdav_server().port();
  auto options = around_.options();
  const auto error = failure_at(location, options);
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.what(), HasSubstr("in the open"));
  EXPECT_THAT(error.hint(), HasSubstr("plain_password: true"));
  options.allows_plain_password = true;
  use(*open_webdav(location, options, around_.context(), WebdavOpen::create), random_bytes(10));
}

TEST_F(WebdavTest, WhoNeedsNoPasswordSendsNone) {
  Location location{"webdav", "/open" + around_.folder(), "", "127.0.0.1",
                    shared_webdav_server().port()};
  use(*open_webdav(location, {}, around_.context(), WebdavOpen::create), random_bytes(10));
}

TEST_F(WebdavTest, ACertificateThatIsNotTrustedIsRefused) {
  net::HttpOptions options;
  options.proxy = "";
  const std::shared_ptr<net::HttpClient> http = net::make_http_client(options, around_.clock_, {});
  const auto error = failure_of([&] {
    open_webdav(around_.location(), around_.options(), around_.context(http), WebdavOpen::existing);
  });
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.hint(), HasSubstr("ca_file"));
}

TEST_F(WebdavTest, AServerThatIsNoWebdavServerIsSaid) {
  auto location = around_.location();
  location.path = "/none";
  const auto error = failure_at(location, around_.options());
  EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  EXPECT_THAT(error.hint(), HasSubstr("WebDAV folder"));
}

TEST_F(WebdavTest, AServerThatTakesNoLargeFilesIsSaid) {
  auto location = around_.location();
  location.path = "/small" + around_.folder();
  const auto backend =
      open_webdav(location, around_.options(), around_.context(), WebdavOpen::create);
  const auto error = failure_of([&] { static_cast<void>(put(*backend, "a", random_bytes(5000))); });
  EXPECT_EQ(error.kind(), ErrorKind::no_space);
  EXPECT_THAT(error.hint(), HasSubstr("client_max_body_size"));
  EXPECT_FALSE(backend->stat("a"));
}

TEST_F(WebdavTest, AQuotaThatIsUsedUpIsSaid) {
  const auto full = std::make_shared<net::MeddlingClient>([&](const HttpRequest& request) {
    if (request.method == "PUT" && request.body.size() > 1000) {
      HttpResponse response;
      response.status = 507;
      return response;
    }
    return around_.http().send(request);
  });
  const auto backend =
      open_webdav(around_.location(), around_.options(), around_.context(full), WebdavOpen::create);
  const auto error = failure_of([&] { static_cast<void>(put(*backend, "a", random_bytes(5000))); });
  EXPECT_EQ(error.kind(), ErrorKind::no_space);
  EXPECT_THAT(error.hint(), HasSubstr("quota"));
}

TEST_F(WebdavTest, AServerThatReplacesFilesIsFoundOut) {
  const auto careless = std::make_shared<net::MeddlingClient>([&](HttpRequest request) {
    std::erase_if(request.headers, [](const auto& header) { return header.name == "Overwrite"; });
    return around_.http().send(request);
  });
  const auto backend = open_webdav(around_.location(), around_.options(), around_.context(careless),
                                   WebdavOpen::create);
  const auto error = failure_of([&] { backend->create("a"); });
  EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  EXPECT_THAT(error.what(), HasSubstr("Overwrite: F"));
  EXPECT_EQ(left_in("~uploads"), 0U);
}

TEST_F(WebdavTest, AServerThatMakesFoldersTwiceIsFoundOut) {
  const auto careless = std::make_shared<net::MeddlingClient>([&](const HttpRequest& request) {
    auto response = around_.http().send(request);
    if (request.method == "MKCOL" && response.status == 405) response.status = 201;
    return response;
  });
  const auto backend = open_webdav(around_.location(), around_.options(), around_.context(careless),
                                   WebdavOpen::create);
  const auto error = failure_of([&] { backend->create("a"); });
  EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  EXPECT_THAT(error.what(), HasSubstr("MKCOL"));
}

TEST_F(WebdavTest, AListOfAnotherFolderIsNoEmptyStore) {
  const auto backend = around_.open();
  static_cast<void>(put(*backend, "a", {}));
  const auto elsewhere = std::make_shared<net::MeddlingClient>([&](const HttpRequest& request) {
    auto response = around_.http().send(request);
    auto text = std::string(base::as_text(response.body));
    for (auto at = text.find("<D:href>/"); at != text.npos; at = text.find("<D:href>/", at + 9))
      text.insert(at + 8, "/behind/a/proxy");
    response.body = base::copy_of(base::as_bytes(text));
    return response;
  });
  const auto other = open_webdav(around_.location(), around_.options(), around_.context(elsewhere),
                                 WebdavOpen::existing);
  const auto error = failure_of([&] { other->list("", [](const ObjectInfo&) {}); });
  EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  EXPECT_THAT(error.hint(), HasSubstr("proxy"));
}

TEST_F(WebdavTest, NothingIsLostOrDoubledWhicheverReplyGetsLost) {
  int requests = 0;
  int lost = -1;
  const auto meddler = std::make_shared<net::MeddlingClient>([&](const HttpRequest& request) {
    auto response = around_.http().send(request);
    if (requests++ == lost) throw Error(ErrorKind::unavailable, "the reply got lost");
    return response;
  });
  const auto large = random_bytes(10'000);
  for (bool was_lost = true; was_lost; ++lost) {
    SCOPED_TRACE(lost);
    const WebdavSurroundings around;
    requests = 0;
    const auto backend = open_webdav(around.location(), around.options(), around_.context(meddler),
                                     WebdavOpen::create);
    use(*backend, large);
    was_lost = lost < requests;
  }
  EXPECT_GT(lost, 30) << "every request of a run was cut once";
}

/// As if it had last been changed so long ago.
void make_older(const std::string& path, std::chrono::minutes age) {
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - age);
}

TEST_F(WebdavTest, WhatADeadWriterLeftGoesAfterADay) {
  const auto backend = around_.open();
  static_cast<void>(put(*backend, "packs/a", base::as_bytes("1")));
  for (const char* name : {"~uploads/packs~b~0123456789abcdef", "~uploads/c~0123456789abcdef"})
    std::ofstream(file(name)) << "half";
  std::filesystem::create_directory(file("~claims/packs~b"));
  make_older(file("~uploads/packs~b~0123456789abcdef"), std::chrono::hours(25));
  make_older(file("~claims/packs~b"), std::chrono::hours(25));
  EXPECT_EQ(backend->remove_leftovers(), 2U);
  EXPECT_EQ(left_in("~uploads"), 1U);
  EXPECT_EQ(left_in("~claims"), 0U);
}

TEST_F(WebdavTest, AClaimOfADeadWriterIsTakenOver) {
  const auto backend = around_.open();
  static_cast<void>(put(*backend, "a", {}));
  std::filesystem::create_directory(file("~claims/b"));
  // The lowest mark of all: it would go first.
  std::ofstream(file("~uploads/b~0000000000000000")) << "half";
  const auto error = failure_of([&] { static_cast<void>(put(*backend, "b", {})); });
  EXPECT_EQ(error.kind(), ErrorKind::conflict);
  EXPECT_THAT(error.hint(), HasSubstr("ten minutes"));
  EXPECT_EQ(left_in("~uploads"), 1U);
  make_older(file("~claims/b"), std::chrono::minutes(11));
  EXPECT_EQ(put(*backend, "b", base::as_bytes("1")), PutOutcome::stored);
  EXPECT_EQ(left_in("~claims"), 0U);
}

TEST_F(WebdavTest, AClaimIsKnownAsItsOwnWhenItIsMadeTwice) {
  // As libcurl does on a kept connection that breaks before the answer.
  const auto repeating = std::make_shared<net::MeddlingClient>([&](const HttpRequest& request) {
    auto response = around_.http().send(request);
    const bool is_claim =
        request.method == "MKCOL" && request.url.find("~claims/b") != request.url.npos;
    if (is_claim) {
      response = around_.http().send(request);
      response.times_sent = 2;
    }
    return response;
  });
  const auto backend = open_webdav(around_.location(), around_.options(),
                                   around_.context(repeating), WebdavOpen::create);
  EXPECT_EQ(put(*backend, "b", base::as_bytes("1")), PutOutcome::stored);
  EXPECT_EQ(put(*backend, "b", base::as_bytes("2")), PutOutcome::already_there);
  // Also while others wait for it.
  std::ofstream(file("~uploads/bb~ffffffffffffffff")) << "waits";
  EXPECT_EQ(put(*backend, "bb", base::as_bytes("1")), PutOutcome::stored);
}

TEST_F(WebdavTest, AClaimOfAnotherIsNeverTakenForItsOwn) {
  const auto backend = around_.open();
  static_cast<void>(put(*backend, "a", {}));
  // Its writer died and its upload was taken away: nothing says whose it was.
  std::filesystem::create_directory(file("~claims/b"));
  const auto error = failure_of([&] { static_cast<void>(put(*backend, "b", {})); });
  EXPECT_EQ(error.kind(), ErrorKind::conflict);
  EXPECT_FALSE(backend->stat("b"));
}

TEST_F(WebdavTest, AClaimForANameThatIsTakenIsNotWaitedFor) {
  const auto backend = around_.open();
  ASSERT_EQ(put(*backend, "a", {}), PutOutcome::stored);
  std::filesystem::create_directory(file("~claims/a"));
  EXPECT_EQ(put(*backend, "a", base::as_bytes("1")), PutOutcome::already_there);
}

}  // namespace
}  // namespace holdfast::storage
