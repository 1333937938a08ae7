#include "base/error.hpp"
#include "net/meddling_client.hpp"
#include "s3_server_testing.hpp"
#include "storage/backend.hpp"
#include "storage/cutting_proxy.hpp"
#include "storage/s3/s3_backend.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

namespace holdfast::storage {
namespace {

using base::Error;
using base::ErrorKind;
using testing::HasSubstr;
using testing::Not;

/// Two parts, and more than one way to cut them.
constexpr std::size_t large_size = 6'000'000;

class S3Test : public testing::Test {
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
    EXPECT_EQ(backend.remove("small"), RemoveOutcome::removed);
    EXPECT_FALSE(backend.stat("small"));
    EXPECT_EQ(backend.remove("packs/ab/large"), RemoveOutcome::removed);
  }

  /// Everything that a run does, each time with another reply lost, until none was. `prepare` makes
  /// the place.
  void lose_each_reply(const std::function<void(S3Surroundings&)>& prepare);

  S3Surroundings around_;
  const TestServer rgw_{"rgw"};
};

TEST_F(S3Test, SpeaksTlsWithTheBucketInTheName) {
  S3Options options;
  options.endpoint = "https://s3.localhost:" + rgw_.value("tls_port");
  options.addressing = S3Options::Addressing::virtual_hosted;
  const auto backend = around_.open(rgw_, options);
  use(*backend, random_bytes(10));
}

TEST_F(S3Test, AStoreBesideAwsIsNamedByItsLocation) {
  auto location = around_.location();
  location.path = "/" + location.host + location.path;
  location.host = "127.0.0.1";
  location.port = static_cast<std::uint16_t>(std::stoul(rgw_.value("tls_port")));
  const auto backend = open_s3(location, {}, rgw_.source(), around_.context(), S3Open::create);
  EXPECT_EQ(backend->describe(), location.url());
  EXPECT_EQ(put(*backend, "a", base::as_bytes("1")), PutOutcome::stored);
  EXPECT_EQ(around_.open(rgw_)->stat("a"), (ObjectInfo{"a", 1}));
}

TEST_F(S3Test, ABucketThatIsNotThereIsNotMadeAndNotEmpty) {
  auto location = around_.location();
  location.host = "holdfast-absent" + location.path.substr(1);
  S3Options options;
  options.endpoint = fmt::format("http://127.0.0.1:{}", rgw_.port());
  const auto error = failure_of(
      [&] { open_s3(location, options, rgw_.source(), around_.context(), S3Open::existing); });
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_THAT(error.what(), HasSubstr("NoSuchBucket"));
  EXPECT_THAT(error.hint(), HasSubstr("name of the bucket"));
}

TEST_F(S3Test, WrongCredentialsAreSaidAndNotShown) {
  S3Options options;
  options.endpoint = fmt::format("http://127.0.0.1:{}", rgw_.port());
  const auto open_with = [&](const char* id, const char* secret) {
    return failure_of([&] {
      open_s3(
          around_.location(), options,
          [&] { return S3Credentials{id, base::Secret(base::as_bytes(secret)), ""}; },
          around_.context(), S3Open::existing);
    });
  };
  for (const auto* id : {"AKIATEST", "AKIANOBODY"}) {
    const auto error = open_with(id, "geheim");
    EXPECT_EQ(error.kind(), ErrorKind::access_denied);
    EXPECT_THAT(error.hint(), HasSubstr("check the access key"));
    EXPECT_THAT(error.what(), Not(HasSubstr("geheim")));
  }
}

TEST_F(S3Test, AWrongClockIsSaid) {
  const base::ManualClock clock(base::WallTime{1'700'000'000, 0});
  auto context = around_.context();
  S3Options options;
  options.endpoint = fmt::format("http://127.0.0.1:{}", rgw_.port());
  const auto error = failure_of([&] {
    open_s3(around_.location(), options, rgw_.source(),
            {context.http, clock, context.random, context.sleeper}, S3Open::existing);
  });
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.hint(), HasSubstr("clock of this machine"));
}

TEST_F(S3Test, WhatADeadWriterLeftGoesAfterADay) {
  const auto backend = around_.open(rgw_);
  const auto writer = backend->create("packs/a");
  writer->append(random_bytes(large_size));
  EXPECT_EQ(backend->remove_leftovers(), 0U);
  // To a reader whose store says that it all began long ago.
  const auto http = make_test_client();
  const auto aged = std::make_shared<net::MeddlingClient>([&](const net::HttpRequest& request) {
    auto response = http->send(request);
    auto text = std::string(base::as_text(response.body));
    for (const std::string tag : {"<Initiated>", "<LastModified>"}) {
      const auto at = text.find(tag);
      if (at != text.npos) text.replace(at + tag.size(), 4, "2001");
    }
    response.body = base::copy_of(base::as_bytes(text));
    return response;
  });
  S3Options options;
  options.endpoint = fmt::format("http://127.0.0.1:{}", rgw_.port());
  const auto later =
      open_s3(around_.location(), options, rgw_.source(), around_.context(aged), S3Open::existing);
  EXPECT_EQ(later->remove_leftovers(), 1U);
  EXPECT_THROW(static_cast<void>(writer->commit()), Error);
  EXPECT_FALSE(backend->stat("packs/a"));
}

TEST_F(S3Test, AStoreWithoutConditionsIsRefusedUnlessThatIsAccepted) {
  const TestServer swift("swift");
  const auto backend = around_.open(swift);
  const auto error = failure_of([&] { backend->create("a"); });
  EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  EXPECT_THAT(error.what(), HasSubstr("If-None-Match"));
  EXPECT_THAT(error.hint(), HasSubstr("exclusive_create: by-looking"));
  S3Options options;
  options.exclusive_create = S3Options::ExclusiveCreate::by_looking;
  use(*around_.open(swift, options), random_bytes(large_size));
}

TEST_F(S3Test, AStoreThatIgnoresConditionsIsFoundOut) {
  const auto store = std::make_shared<net::MeddlingClient>([](const net::HttpRequest& request) {
    net::HttpResponse response;
    response.status = 200;
    if (request.method == "GET") {
      response.body = base::copy_of(base::as_bytes("<ListBucketResult></ListBucketResult>"));
    }
    return response;
  });
  const auto backend =
      open_s3(around_.location(), {}, rgw_.source(), around_.context(store), S3Open::existing);
  EXPECT_EQ(failure_of([&] { backend->create("a"); }).kind(), ErrorKind::unsupported);
}

void S3Test::lose_each_reply(const std::function<void(S3Surroundings&)>& prepare) {
  const auto http = make_test_client();
  int requests = 0;
  int lost = -1;
  const auto meddler = std::make_shared<net::MeddlingClient>([&](const net::HttpRequest& request) {
    auto response = http->send(request);
    if (requests++ == lost) throw Error(ErrorKind::unavailable, "the reply got lost");
    return response;
  });
  const auto large = random_bytes(large_size);
  S3Options options;
  options.endpoint = fmt::format("http://127.0.0.1:{}", rgw_.port());
  for (bool was_lost = true; was_lost; ++lost) {
    SCOPED_TRACE(lost);
    S3Surroundings around;
    prepare(around);
    requests = 0;
    const auto backend =
        open_s3(around.location(), options, rgw_.source(), around.context(meddler), S3Open::create);
    use(*backend, large);
    was_lost = lost < requests;
  }
  EXPECT_GT(lost, 15) << "every request of a run was cut once";
}

TEST_F(S3Test, NothingIsLostOrDoubledWhicheverReplyGetsLost) {
  lose_each_reply([](S3Surroundings&) {});
}

TEST_F(S3Test, NorWhereVersionsAreKept) {
  lose_each_reply([this](S3Surroundings& around) {
    around.use_new_bucket(
        rgw_, {},
        {{"versioning",
          "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"}});
  });
}

TEST_F(S3Test, ALongListComesInPages) {
  const auto backend = around_.open(rgw_);
  constexpr int count = 1100;
  for (int i = 0; i < count; ++i)
    ASSERT_EQ(put(*backend, fmt::format("a/{:04}", i), {}), PutOutcome::stored);
  std::set<std::string> seen;
  backend->list("", [&](const ObjectInfo& object) { seen.insert(object.name); });
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(count));
}

TEST_F(S3Test, OnlyContentHasTheClass) {
  const auto http = make_test_client();
  std::map<std::string, std::string> classes;
  const auto noting = std::make_shared<net::MeddlingClient>([&](const net::HttpRequest& request) {
    const auto name = request.url.substr(request.url.rfind('/') + 1);
    classes[name] = net::find_header(request.headers, "x-amz-storage-class").value_or("none");
    return http->send(request);
  });
  S3Options options;
  options.storage_class = "STANDARD";
  options.endpoint = fmt::format("http://127.0.0.1:{}", rgw_.port());
  const auto backend =
      open_s3(around_.location(), options, rgw_.source(), around_.context(noting), S3Open::create);
  EXPECT_EQ(put(*backend, "index/a", base::as_bytes("1")), PutOutcome::stored);
  const auto small = backend->create("packs/ab/small");
  small->is_content();
  small->append(base::as_bytes("1"));
  EXPECT_EQ(small->commit(), PutOutcome::stored);
  const auto large = backend->create("packs/ab/large");
  large->is_content();
  large->append(random_bytes(large_size));
  EXPECT_EQ(large->commit(), PutOutcome::stored);
  EXPECT_EQ(classes["a"], "none");
  EXPECT_EQ(classes["small"], "STANDARD");
  EXPECT_EQ(classes["large?uploads="], "STANDARD");
}

TEST_F(S3Test, ClassAndEncryptionGoWithTheObject) {
  S3Options options;
  options.storage_class = "STANDARD";
  const auto backend = around_.open(rgw_, options);
  EXPECT_EQ(put(*backend, "a", base::as_bytes("1")), PutOutcome::stored);
  options.storage_class = "NO_SUCH_CLASS";
  EXPECT_THROW(around_.open(rgw_, options)->create("b"), Error);
}

}  // namespace
}  // namespace holdfast::storage
