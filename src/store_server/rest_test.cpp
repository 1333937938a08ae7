// The client of the REST store and its server together.

#include "base/error.hpp"
#include "crypto/blake3.hpp"
#include "net/meddling_client.hpp"
#include "rest_server_testing.hpp"
#include "storage/cutting_proxy.hpp"
#include "storage/local/local_backend.hpp"
#include "storage/rest/rest_protocol.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace holdfast::store_server {
namespace {

using base::Error;
using base::ErrorKind;
using net::HttpRequest;
using net::HttpResponse;
using storage::Backend;
using storage::Cut;
using storage::CuttingProxy;
using storage::ObjectInfo;
using storage::PutOutcome;
using storage::RemoveOutcome;
using storage::RestOpen;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::size_t large_size = 5'000'000;  // three parts

class RestTest : public testing::Test {
protected:
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

  base::Bytes random_bytes(std::size_t size) {
    base::Bytes bytes(size);
    around_.random_.fill(bytes);
    return bytes;
  }

  static PutOutcome put(Backend& backend, const std::string& name, base::ByteView bytes = {}) {
    return storage::put(backend, name, bytes);
  }

  /// Everything that a run does with a store.
  void use(Backend& backend, const base::Bytes& large) {
    ASSERT_EQ(put(backend, "packs/ab/large", large), PutOutcome::stored);
    ASSERT_EQ(put(backend, "small", base::as_bytes("1")), PutOutcome::stored);
    EXPECT_EQ(storage::get(backend, "packs/ab/large", large.size()), large);
    std::set<std::string> seen;
    backend.list("", [&](const ObjectInfo& object) {
      EXPECT_TRUE(seen.insert(object.name).second) << object.name;
    });
    EXPECT_EQ(seen, (std::set<std::string>{"packs/ab/large", "small"}));
    EXPECT_EQ(put(backend, "small", base::as_bytes("2")), PutOutcome::already_there);
    EXPECT_EQ(storage::get(backend, "small", 1), base::copy_of(base::as_bytes("1")));
    EXPECT_EQ(backend.remove("small"), RemoveOutcome::removed);
    EXPECT_FALSE(backend.stat("small"));
    EXPECT_EQ(backend.remove("packs/ab/large"), RemoveOutcome::removed);
    EXPECT_EQ(backend.remove_leftovers(), 0U);
  }

  /// A request as nobody should send it.
  static HttpResponse ask_at(RestSurroundings& around, const std::string& method,
                             const std::string& path, net::Headers headers = {},
                             base::ByteView body = {}) {
    const auto token = around.server().token(TokenKind::full);
    headers.push_back({"Authorization", "Bearer " + std::string(base::as_text(token.view()))});
    return around.http().send({.method = method,
                               .url = around.server().url() + path,
                               .headers = std::move(headers),
                               .body = body});
  }
  HttpResponse ask(const std::string& method, const std::string& path, net::Headers headers = {},
                   base::ByteView body = {}) {
    return ask_at(around_, method, path, std::move(headers), body);
  }
  static std::string path_of(const RestSurroundings& around) {
    return "/api/store/v1/" + around.repository();
  }
  std::string path() const { return path_of(around_); }

  RestSurroundings around_;
};

TEST_F(RestTest, ServesWhatIsAnOrdinaryRepositoryOnItsOwnMachine) {
  const auto backend = around_.open();
  const auto large = random_bytes(large_size);
  ASSERT_EQ(put(*backend, "packs/ab/large", large), PutOutcome::stored);
  const auto local = storage::open_local(around_.server().folder(around_.repository()),
                                         storage::LocalOpen::existing);
  EXPECT_EQ(storage::get(*local, "packs/ab/large", large_size), large);
  ASSERT_EQ(put(*local, "b", base::as_bytes("there")), PutOutcome::stored);
  EXPECT_EQ(storage::get(*backend, "b", 5), base::copy_of(base::as_bytes("there")));
  EXPECT_EQ(backend->describe(), around_.location().url());
}

TEST_F(RestTest, AListOfManyObjectsComesInPages) {
  const auto backend = around_.open();
  const auto folder = around_.server().folder(around_.repository()) + "/packs";
  std::filesystem::create_directory(folder);
  const std::size_t count = 2 * storage::rest_list_objects_max + 1;
  for (std::size_t i = 0; i < count; ++i)
    std::ofstream(folder + "/" + std::to_string(i));
  std::set<std::string> seen;
  backend->list("packs/", [&](const ObjectInfo& object) { seen.insert(object.name); });
  EXPECT_EQ(seen.size(), count);
}

TEST_F(RestTest, ARepositoryThatIsNotThereIsNotMade) {
  const auto error = failure_of([&] { around_.open(RestOpen::existing); });
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_THAT(error.hint(), HasSubstr("name of the repository"));
  EXPECT_FALSE(std::filesystem::exists(around_.server().folder(around_.repository())));
}

TEST_F(RestTest, ARepositoryThatWentIsNotEmpty) {
  const auto backend = around_.open();
  ASSERT_EQ(put(*backend, "a"), PutOutcome::stored);
  std::filesystem::remove_all(around_.server().folder(around_.repository()));
  const auto nothing = [](const ObjectInfo&) {};
  EXPECT_EQ(failure_of([&] { backend->list("", nothing); }).kind(), ErrorKind::not_found);
  EXPECT_EQ(failure_of([&] { backend->stat("a"); }).kind(), ErrorKind::not_found);
  EXPECT_EQ(failure_of([&] { backend->remove("a"); }).kind(), ErrorKind::not_found);
  EXPECT_EQ(failure_of([&] { put(*backend, "b"); }).kind(), ErrorKind::not_found);
}

TEST_F(RestTest, OnlyWhoHasATokenGetsIn) {
  const auto open_with = [&](const base::Secret& token) {
    return failure_of([&] {
      storage::open_rest(around_.location(), token.clone(),
                         around_.context(make_rest_test_client(around_.server())),
                         RestOpen::create);
    });
  };
  const auto wrong = open_with(make_token(around_.random_));
  EXPECT_EQ(wrong.kind(), ErrorKind::access_denied);
  EXPECT_THAT(wrong.what(), HasSubstr("not known"));
  EXPECT_THAT(wrong.what(), Not(HasSubstr("hft_")));
  EXPECT_THAT(open_with(base::Secret()).hint(), HasSubstr("HOLDFAST_REST_TOKEN"));
  const auto other = open_with(around_.server().add_token(around_.repository(), "other"));
  EXPECT_EQ(other.kind(), ErrorKind::access_denied);
  EXPECT_THAT(other.what(), HasSubstr("is for the repository 'other'"));
  EXPECT_FALSE(std::filesystem::exists(around_.server().folder(around_.repository())));
}

TEST_F(RestTest, ACertificateThatIsNotTrustedIsRefused) {
  static const base::SystemClock clock;
  net::HttpOptions options;
  options.proxy = "";
  const auto error =
      failure_of([&] { around_.open_with(net::make_http_client(options, clock, {})); });
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.hint(), HasSubstr("ca_file"));
}

TEST_F(RestTest, AnAppendOnlyTokenTakesNothingAway) {
  const auto full = around_.open();
  const auto appender = around_.open(RestOpen::existing, 0, TokenKind::append_only);
  for (const char* name : {"packs/ab/1", "snapshots/1", "leases/1.start", "leases/1.end"})
    ASSERT_EQ(put(*appender, name), PutOutcome::stored) << name;
  for (const char* name : {"packs/ab/1", "snapshots/1", "leases/1.end"}) {
    const auto error = failure_of([&] { appender->remove(name); });
    EXPECT_EQ(error.kind(), ErrorKind::access_denied) << name;
    EXPECT_THAT(error.what(), HasSubstr("append-only"));
    EXPECT_THAT(error.hint(), HasSubstr("kind full"));
  }
  const auto record = failure_of([&] { put(*appender, "deletions/1"); });
  EXPECT_EQ(record.kind(), ErrorKind::access_denied);
  EXPECT_EQ(failure_of([&] { put(*appender, "tombs/1", random_bytes(large_size)); }).kind(),
            ErrorKind::access_denied);
  EXPECT_EQ(appender->remove("leases/1.start"), RemoveOutcome::removed);
  EXPECT_EQ(appender->remove("leases/1.end"), RemoveOutcome::removed);
  EXPECT_EQ(put(*full, "deletions/1"), PutOutcome::stored);
  EXPECT_EQ(full->remove("packs/ab/1"), RemoveOutcome::removed);
}

TEST_F(RestTest, AQuotaThatIsUsedUpIsSaid) {
  RestServer server(3'000'000);
  RestSurroundings around(server);
  const auto backend = around.open();
  ASSERT_EQ(put(*backend, "a", random_bytes(1'000'000)), PutOutcome::stored);
  for (const std::size_t size : {2'000'001UL, large_size}) {
    const auto error = failure_of([&] { put(*backend, "b", random_bytes(size)); });
    EXPECT_EQ(error.kind(), ErrorKind::no_space);
    EXPECT_THAT(error.what(), HasSubstr("of its quota of 3.00 MB"));
    EXPECT_THAT(error.hint(), HasSubstr("prune"));
    EXPECT_FALSE(backend->stat("b"));
  }
  EXPECT_EQ(put(*backend, "b", random_bytes(2'000'000)), PutOutcome::stored);
  EXPECT_EQ(put(*backend, "b", random_bytes(2'000'000)), PutOutcome::already_there);
  EXPECT_EQ(backend->remove("a"), RemoveOutcome::removed);
  EXPECT_EQ(put(*backend, "c", random_bytes(1'000'000)), PutOutcome::stored);
  // What another program removed counts once somebody looks.
  std::filesystem::remove(server.folder(around.repository()) + "/b");
  server.clock().advance_seconds(60);
  EXPECT_EQ(put(*backend, "d", random_bytes(2'000'000)), PutOutcome::stored);
}

/// Flips a bit of the first `times` bodies that go out.
std::shared_ptr<net::HttpClient> make_flipping_client(net::HttpClient& http, int times) {
  return std::make_shared<net::MeddlingClient>(
      [&http, left = std::make_shared<int>(times)](HttpRequest request) {
        if (request.body.empty() || (*left)-- <= 0) return http.send(std::move(request));
        auto body = base::copy_of(request.body);
        body[body.size() / 2] ^= std::byte{4};
        request.body = body;
        return http.send(std::move(request));
      });
}

TEST_F(RestTest, WhatArrivesDamagedIsSentAgain) {
  use(*around_.open_with(make_flipping_client(around_.http(), 2)), random_bytes(large_size));
}

TEST_F(RestTest, WhatAlwaysArrivesDamagedIsNotStored) {
  const auto backend = around_.open_with(make_flipping_client(around_.http(), 1000));
  for (const std::size_t size : {1000UL, large_size}) {
    const auto error = failure_of([&] { put(*backend, "a", random_bytes(size)); });
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_THAT(error.hint(), HasSubstr("not what was sent"));
    EXPECT_FALSE(backend->stat("a"));
  }
}

TEST_F(RestTest, NothingIsLostOrDoubledWhicheverReplyGetsLost) {
  int requests = 0;
  int lost = -1;
  const auto meddler = std::make_shared<net::MeddlingClient>([&](const HttpRequest& request) {
    auto response = around_.http().send(request);
    if (requests++ == lost) throw Error(ErrorKind::unavailable, "the reply got lost");
    return response;
  });
  const auto large = random_bytes(large_size);
  for (bool was_lost = true; was_lost; ++lost) {
    SCOPED_TRACE(lost);
    RestSurroundings around;
    requests = 0;
    use(*around.open_with(meddler), large);
    was_lost = lost < requests;
  }
  EXPECT_GT(lost, 15) << "every request of a run was cut once";
}

TEST_F(RestTest, ACutCostsOnePartAtMost) {
  CuttingProxy proxy(around_.server().port());
  const auto backend = around_.open(RestOpen::create, proxy.port());
  constexpr std::size_t piece_size = 4'000'000;
  constexpr std::uint64_t pieces = 5;
  const auto before = proxy.relayed();
  const auto writer = backend->create("packs/a");
  for (std::uint64_t piece = 0; piece < pieces; ++piece) {
    proxy.cut_after(around_.random_.below(piece_size), Cut::reset);
    writer->append(random_bytes(piece_size));
  }
  EXPECT_EQ(writer->commit(), PutOutcome::stored);
  EXPECT_EQ(backend->stat("packs/a")->size, pieces * piece_size);
  EXPECT_LT(proxy.relayed() - before, pieces * (piece_size + storage::rest_part_size_max) * 1.02);
}

TEST_F(RestTest, AServerThatForgotAnUploadIsSaid) {
  RestServer server;
  RestSurroundings around(server);
  const auto backend = around.open();
  const auto large = random_bytes(large_size);
  auto writer = backend->create("packs/a");
  writer->append(large);
  server.restart();
  const auto error = failure_of([&] { static_cast<void>(writer->commit()); });
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  EXPECT_THAT(error.hint(), HasSubstr("run it again"));
  writer.reset();
  EXPECT_EQ(backend->remove_leftovers(), 0U) << "an orderly end leaves nothing";
  use(*backend, large);
}

TEST_F(RestTest, AnUploadThatNobodyGoesOnWithIsForgotten) {
  RestServer server;
  RestSurroundings around(server);
  around.open();
  const auto body = random_bytes(1000);
  const net::Headers headers{{storage::rest_digest_header, crypto::blake3(body).hex()},
                             {storage::rest_size_header, std::to_string(body.size())}};
  const auto path = [&](char digit) {
    return path_of(around) + "/uploads/" + std::string(32, digit) + "?name=packs/" + digit;
  };
  const auto add = [&](char digit) {
    return ask_at(around, "PUT", path(digit) + "&offset=0", headers, body).status;
  };
  const auto complete = [&](char digit) {
    return ask_at(around, "POST", path(digit), headers).status;
  };
  EXPECT_EQ(add('a'), 204);
  EXPECT_EQ(add('b'), 204);
  server.clock().advance_seconds(23 * 3600);
  EXPECT_EQ(add('b'), 204) << "a part may come twice";
  server.clock().advance_seconds(2 * 3600);
  EXPECT_EQ(add('c'), 204);
  EXPECT_EQ(complete('a'), 404);
  EXPECT_EQ(complete('b'), 201);
  EXPECT_EQ(complete('c'), 201);
  EXPECT_EQ(complete('c'), 404);
}

TEST_F(RestTest, AddressesThatLeadElsewhereLeadNowhere) {
  around_.open();
  const auto folder = around_.server().folder(around_.repository());
  std::ofstream(folder + "/../secret") << "secret";
  std::filesystem::create_directory(folder + "/.hidden");
  std::ofstream(folder + "/.hidden/a") << "secret";
  for (const std::string tail : {"/objects/%2e%2e/secret",
                                 "/objects/..%2fsecret",
                                 "/objects/packs/%2e%2e/%2e%2e/secret",
                                 "/objects/%2fetc/passwd",
                                 "/objects//etc/passwd",
                                 "/objects/.hidden/a",
                                 "/objects/a%00b",
                                 "/objects/",
                                 "/objects/A",
                                 "/objects?prefix=../",
                                 "/objects?prefix=.hidden/",
                                 "/objects?after=../x",
                                 "/objects?more=1",
                                 "/uploads/x",
                                 "/uploads/..",
                                 "/nothing",
                                 "/",
                                 "/%2e%2e/secret",
                                 "%2f..%2fsecret",
                                 "/objects/%zz"}) {
    const auto response = ask("GET", path() + tail);
    EXPECT_EQ(response.status, 400) << tail;
    EXPECT_THAT(std::string(base::as_text(response.body)), Not(HasSubstr("secret"))) << tail;
  }
  for (const std::string whole : {"/", "/api/store/v1/", "/api/store/v1/%2e%2e", "/etc/passwd"})
    EXPECT_EQ(ask("GET", whole).status, 400) << whole;
}

TEST_F(RestTest, RequestsThatMakeNoSenseAreRefused) {
  const auto backend = around_.open();
  ASSERT_EQ(put(*backend, "a", base::as_bytes("12345")), PutOutcome::stored);
  const auto body = random_bytes(1000);
  const base::Bytes too_much(storage::rest_part_size_max + 1);
  const net::Headers digest{{storage::rest_digest_header, std::string(64, '0')}};
  const std::string id(32, 'a');
  EXPECT_EQ(ask("PATCH", path() + "/objects/a").status, 405);
  EXPECT_EQ(ask("POST", path() + "/objects").status, 405);
  EXPECT_EQ(ask("DELETE", path()).status, 405);
  EXPECT_EQ(ask("PUT", path() + "/objects/b", {}, body).status, 400) << "no digest";
  EXPECT_EQ(ask("PUT", path() + "/objects/b", digest, body).status, 422);
  EXPECT_EQ(ask("PUT", path() + "/objects/b", digest, too_much).status, 413);
  EXPECT_EQ(ask("PUT", path() + "/uploads/" + id, digest, body).status, 400) << "no name";
  EXPECT_EQ(ask("POST", path() + "/uploads/" + id + "?name=b", digest).status, 404);
  EXPECT_FALSE(backend->stat("b"));
  EXPECT_EQ(ask("GET", path() + "/objects/a", {{"Range", "bytes=5-"}}).status, 416);
  EXPECT_EQ(ask("GET", path() + "/objects/a", {{"Range", "bytes=4-9"}}).status, 206);
  EXPECT_EQ(ask("GET", path() + "/objects/a", {{"Range", "lines=1"}}).status, 200);
  const auto huge = ask("GET", path(), {{"X-Much", std::string(40'000, 'x')}});
  EXPECT_EQ(huge.status, 400);
  EXPECT_EQ(around_.http().send({.url = around_.server().url() + path()}).status, 401);
  EXPECT_THAT(around_.server().reports(), IsEmpty());
}

TEST_F(RestTest, TroubleOfTheServerIsReportedThereAndNotShownToClients) {
  const auto backend = around_.open();
  const auto folder = around_.server().folder(around_.repository());
  std::ofstream(folder + "/packs") << "in the way";
  const auto error = failure_of([&] { put(*backend, "packs/a"); });
  EXPECT_EQ(error.kind(), ErrorKind::io);
  EXPECT_THAT(error.what(), Not(HasSubstr(folder)));
  ASSERT_FALSE(around_.server().reports().empty());
  EXPECT_THAT(around_.server().reports().back(), HasSubstr(folder));
}

TEST_F(RestTest, AReplyOfSomethingElseIsKnown) {
  const auto proxy = std::make_shared<net::MeddlingClient>([](const HttpRequest&) {
    HttpResponse response;
    response.status = 404;
    return response;
  });
  const auto error = failure_of([&] { around_.open_with(proxy); });
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_THAT(error.hint(), HasSubstr("holdfast serve --store"));
}

}  // namespace
}  // namespace holdfast::store_server
