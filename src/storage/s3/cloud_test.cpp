// Against tests/support/cloud_bucket.py, which checks signatures by itself and answers as the
// clouds document it.

#include "base/error.hpp"
#include "net/curl_client.hpp"
#include "net/http_server_testing.hpp"
#include "net/meddling_client.hpp"
#include "storage/contract_suite.hpp"
#include "storage/cutting_proxy.hpp"
#include "storage/s3/s3_backend.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <map>
#include <set>

namespace holdfast::storage {
namespace {

using base::Error;
using base::ErrorKind;
using testing::HasSubstr;
using testing::Not;

constexpr std::size_t large_size = 6'000'000;  // two parts
constexpr const char* access_key = "AKIDexample";
constexpr const char* secret_key = "secretexample0123456789";

const net::HttpServer& clouds() {
  static const net::HttpServer server("cloud_bucket.py");
  return server;
}

std::shared_ptr<net::HttpClient> make_client() {
  static const base::SystemClock clock;
  net::HttpOptions options;
  options.proxy = "";
  return net::make_http_client(options, clock, {});
}

/// A prefix of its own in a bucket of one cloud.
class CloudAround {
public:
  explicit CloudAround(std::string scheme, std::uint16_t port = 0)
      : scheme_(std::move(scheme)), port_(port == 0 ? clouds().port(scheme_) : port) {
    std::array<std::byte, 8> name{};
    random_.fill(name);
    prefix_ = base::to_hex(name);
  }

  S3Options options() const {
    S3Options options;
    options.endpoint = fmt::format("http://localhost:{}", port_);
    options.region = "cn-hangzhou";
    return options;
  }
  std::unique_ptr<Backend> open(const S3Options& options, const char* secret = secret_key) {
    return open_s3(
        {scheme_, "/" + prefix_, "", bucket_}, options,
        [secret] { return S3Credentials{access_key, base::Secret(base::as_bytes(secret)), ""}; },
        {http_, clock_, random_, [](double) {}, {}}, mode_);
  }
  std::unique_ptr<Backend> open() { return open(options()); }

  std::string bucket_ = "holdfast-test-1250000000";
  S3Open mode_ = S3Open::create;
  base::SystemRandom random_;

private:
  const std::string scheme_;
  const std::uint16_t port_;
  const base::SystemClock clock_;
  const std::shared_ptr<net::HttpClient> http_ = make_client();
  std::string prefix_;
};

template <const char* const& scheme>
class CloudPlace final : public Place {
public:
  Backend& open() override { return *backends_.emplace_back(around_.open()); }

private:
  CloudAround around_{scheme};
  std::vector<std::unique_ptr<Backend>> backends_;
};

/// Every backend loses one connection, somewhere in its first exchanges.
template <const char* const& scheme>
class CutCloudPlace final : public Place {
public:
  Backend& open() override {
    auto& opened = *backends_.emplace_back(around_.open());
    const auto how = around_.random_.below(2) == 0 ? Cut::reset : Cut::close;
    proxy_.cut_after(around_.random_.below(100'000), how);
    return opened;
  }

private:
  CuttingProxy proxy_{clouds().port(scheme)};
  CloudAround around_{scheme, proxy_.port()};
  std::vector<std::unique_ptr<Backend>> backends_;
};

constexpr const char* oss = "oss";
constexpr const char* cos = "cos";

INSTANTIATE_TEST_SUITE_P(Oss, BackendContract, testing::ValuesIn(places_of<CloudPlace<oss>>()));
INSTANTIATE_TEST_SUITE_P(Cos, BackendContract, testing::ValuesIn(places_of<CloudPlace<cos>>()));
INSTANTIATE_TEST_SUITE_P(CutOss, BackendContract,
                         testing::ValuesIn(places_of<CutCloudPlace<oss>>()));
INSTANTIATE_TEST_SUITE_P(CutCos, BackendContract,
                         testing::ValuesIn(places_of<CutCloudPlace<cos>>()));

class CloudTest : public testing::TestWithParam<const char*> {
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

  CloudAround around_{GetParam()};
};

TEST_P(CloudTest, LargeObjectsAreStoredOnce) {
  const auto one = around_.open();
  const auto other = around_.open();
  base::Bytes bytes(large_size);
  around_.random_.fill(bytes);
  const auto first = one->create("packs/ab/1");
  const auto second = other->create("packs/ab/1");
  first->append(bytes);
  second->append(bytes);
  EXPECT_EQ(second->commit(), PutOutcome::stored);
  EXPECT_EQ(first->commit(), PutOutcome::already_there);
  EXPECT_EQ(get(*one, "packs/ab/1", bytes.size()), bytes);
  EXPECT_EQ(one->remove_leftovers(), 0U);
}

TEST_P(CloudTest, ARangeBeyondTheEndEndsThere) {
  const auto backend = around_.open();
  ASSERT_EQ(put(*backend, "a", base::as_bytes("0123456789")), PutOutcome::stored);
  base::Bytes into(100);
  EXPECT_EQ(backend->read("a", 4, into), 6U);
  EXPECT_EQ(base::as_text(base::ByteView(into).first(6)), "456789");
  EXPECT_EQ(backend->read("a", 10, into), 0U);
  EXPECT_EQ(backend->read("a", 1000, into), 0U);
}

TEST_P(CloudTest, ALongListComesInPages) {
  const auto backend = around_.open();
  constexpr int count = 1100;
  for (int i = 0; i < count; ++i)
    ASSERT_EQ(put(*backend, fmt::format("a/{:04}", i), {}), PutOutcome::stored);
  std::set<std::string> seen;
  backend->list("", [&](const ObjectInfo& object) { seen.insert(object.name); });
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(count));
}

TEST_P(CloudTest, ABucketThatKnowsVersionsIsRefused) {
  around_.bucket_ = "versioned-1250000000";
  const auto backend = around_.open();
  const auto error = failure_of([&] { backend->create("a"); });
  EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  EXPECT_THAT(error.what(), HasSubstr("-forbid-overwrite"));
  EXPECT_THAT(error.hint(), HasSubstr("versioning"));
}

TEST_P(CloudTest, ABucketThatIsNotThereIsNotMadeAndNotEmpty) {
  around_.bucket_ = "absent-1250000000";
  around_.mode_ = S3Open::existing;
  const auto error = failure_of([&] { around_.open(); });
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_THAT(error.what(), HasSubstr("NoSuchBucket"));
  EXPECT_THAT(error.hint(), HasSubstr("region"));
}

TEST_P(CloudTest, AWrongSecretIsSaidAndNotShown) {
  const auto error = failure_of([&] { around_.open(around_.options(), "geheim"); });
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.what(), HasSubstr("SignatureDoesNotMatch"));
  EXPECT_THAT(error.what(), Not(HasSubstr("geheim")));
}

TEST_P(CloudTest, ClassAndEncryptionGoWithTheObject) {
  auto options = around_.options();
  options.storage_class = GetParam() == std::string("oss") ? "IA" : "STANDARD_IA";
  options.encryption = "AES256";
  EXPECT_EQ(put(*around_.open(options), "a", base::as_bytes("1")), PutOutcome::stored);
  options.storage_class = "NO_SUCH_CLASS";
  const auto error = failure_of([&] { around_.open(options)->create("b"); });
  EXPECT_THAT(error.hint(), HasSubstr("storage_class"));
}

/// The archive class of a cloud that has several speeds, and its cheap one that needs no thaw.
std::pair<std::string, std::string> classes_of(const std::string& cloud) {
  if (cloud == "oss") return {"ColdArchive", "IA"};
  return {cloud == "cos" ? "ARCHIVE" : "GLACIER", "STANDARD_IA"};
}

/// Amazon's classes too, which Ceph's gateway does not have.
class CloudTiersTest : public CloudTest {};

TEST_P(CloudTiersTest, AnObjectGoesFromClassToClassAndStaysTheSame) {
  const auto [archive, cheap] = classes_of(GetParam());
  const auto backend = around_.open();
  ASSERT_EQ(put(*backend, "packs/ab/1", base::as_bytes("content")), PutOutcome::stored);
  auto& tiers = *backend->tiers();
  EXPECT_TRUE(tiers.look("packs/ab/1")->can_be_read());
  EXPECT_TRUE(tiers.move("packs/ab/1", cheap));
  EXPECT_EQ(tiers.look("packs/ab/1")->storage_class, cheap);
  EXPECT_EQ(get(*backend, "packs/ab/1", 100), base::copy_of(base::as_bytes("content")));
  EXPECT_TRUE(tiers.move("packs/ab/1", cheap)) << "it is there";
  EXPECT_TRUE(tiers.move("packs/ab/1", archive));
  EXPECT_FALSE(tiers.move("packs/ab/2", archive)) << "there is none";
  std::vector<TieredObject> listed;
  tiers.list("packs/", [&](const TieredObject& object) { listed.push_back(object); });
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].storage_class, archive);
  EXPECT_TRUE(listed[0].is_archived);
  EXPECT_TRUE(listed[0].since);
  backend->list("packs/", [](const ObjectInfo& object) { EXPECT_TRUE(object.is_archived); });
  const auto error = failure_of([&] { tiers.move("packs/ab/1", cheap); });
  EXPECT_EQ(error.kind(), ErrorKind::frozen);
}

TEST_P(CloudTiersTest, WhatIsArchivedIsFrozenUntilItIsThawed) {
  using Thaw = ObjectTiers::Thaw;
  using State = ObjectTier::State;
  const auto archive = classes_of(GetParam()).first;
  auto options = around_.options();
  options.storage_class = archive;
  const auto backend = around_.open(options);
  const auto writer = backend->create("packs/ab/1");
  writer->is_content();
  writer->append(base::as_bytes("content"));
  ASSERT_EQ(writer->commit(), PutOutcome::stored);
  ASSERT_EQ(put(*backend, "index/1", base::as_bytes("content")), PutOutcome::stored);
  EXPECT_EQ(get(*backend, "index/1", 100).size(), 7U) << "only content has the class";
  const auto error = failure_of([&] { get(*backend, "packs/ab/1", 100); });
  EXPECT_EQ(error.kind(), ErrorKind::frozen);
  EXPECT_THAT(error.hint(), HasSubstr("--thaw"));
  auto& tiers = *backend->tiers();
  EXPECT_EQ(tiers.look("packs/ab/1")->state, State::frozen);
  EXPECT_EQ(tiers.thaw("packs/ab/1", 30, ThawSpeed::bulk), Thaw::begun);
  EXPECT_EQ(tiers.thaw("packs/ab/1", 30, ThawSpeed::bulk), Thaw::under_way);
  EXPECT_EQ(tiers.look("packs/ab/1")->state, State::thawing);
  const auto thawed = tiers.look("packs/ab/1");  // as often as the server wants it
  EXPECT_EQ(thawed->state, State::thawed);
  EXPECT_TRUE(thawed->readable_until);
  EXPECT_EQ(thawed->storage_class, archive);
  EXPECT_EQ(get(*backend, "packs/ab/1", 100), base::copy_of(base::as_bytes("content")));
  EXPECT_EQ(tiers.thaw("packs/ab/1", 30, ThawSpeed::bulk), Thaw::readable);
  EXPECT_EQ(tiers.thaw("index/1", 30, ThawSpeed::bulk), Thaw::readable);
  EXPECT_EQ(failure_of([&] { tiers.thaw("packs/ab/2", 1, ThawSpeed::bulk); }).kind(),
            ErrorKind::not_found);
}

TEST(OssTest, ArchiveIsThawedWithoutASpeed) {
  CloudAround around("oss");
  const auto backend = around.open();
  ASSERT_EQ(put(*backend, "packs/ab/1", base::as_bytes("content")), PutOutcome::stored);
  EXPECT_TRUE(backend->tiers()->move("packs/ab/1", "Archive"));
  EXPECT_EQ(backend->tiers()->thaw("packs/ab/1", 365, ThawSpeed::expedited),
            ObjectTiers::Thaw::begun);
}

INSTANTIATE_TEST_SUITE_P(Clouds, CloudTiersTest, testing::Values("oss", "cos", "s3"),
                         [](const auto& about) { return std::string(about.param); });
INSTANTIATE_TEST_SUITE_P(Clouds, CloudTest, testing::Values("oss", "cos"),
                         [](const auto& about) { return std::string(about.param); });

TEST(OssTest, AWrongRegionIsSaid) {
  CloudAround around("oss");
  auto options = around.options();
  options.region = "cn-beijing";
  try {
    around.open(options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.layer(), base::Layer::place);
    EXPECT_THAT(error.hint(), HasSubstr("'region'"));
  }
}

TEST(OssTest, CredentialsThatExpiredAreAskedForAgain) {
  const base::SystemClock clock;
  base::SystemRandom random;
  std::vector<std::string> urls;
  const auto store = std::make_shared<net::MeddlingClient>([&](const net::HttpRequest& request) {
    urls.push_back(request.url);
    const bool is_first = urls.size() == 1;
    net::HttpResponse response;
    response.status = is_first ? 403 : 200;
    response.body = base::copy_of(base::as_bytes(
        is_first ? "<Error><Code>SecurityTokenExpired</Code></Error>" : "<ListBucketResult/>"));
    return response;
  });
  int asked = 0;
  const auto source = [&] {
    ++asked;
    return S3Credentials{"id", base::Secret(base::as_bytes("secret")), "token"};
  };
  open_s3(parse_location("oss://blog.oss-cn-hangzhou.aliyuncs.com/p"), {}, source,
          {store, clock, random, [](double) {}, {}}, S3Open::existing);
  EXPECT_EQ(asked, 2);
  const std::string url =
      "https://blog.oss-cn-hangzhou.aliyuncs.com/?list-type=2&max-keys=1&prefix=p%2F";
  EXPECT_EQ(urls, (std::vector<std::string>{url, url}));
}

TEST(OssTest, AStoreThatKeptHalfOfACutUploadIsNotBelieved) {
  const base::SystemClock clock;
  base::SystemRandom random;
  std::map<std::string, std::string> marks;  // of the objects that are there
  const auto store = std::make_shared<net::MeddlingClient>([&](const net::HttpRequest& request) {
    net::HttpResponse response;
    response.status = 200;
    if (request.method == "PUT") {
      const auto mark = net::find_header(request.headers, "x-oss-meta-holdfast-mark").value_or("");
      const bool is_new = marks.emplace(request.url, mark).second;
      if (is_new && request.url.ends_with("packs/a")) throw Error(ErrorKind::unavailable, "cut");
      if (is_new) return response;
      response.status = 409;
      response.body =
          base::copy_of(base::as_bytes("<Error><Code>FileAlreadyExists</Code></Error>"));
    } else if (request.method == "HEAD") {
      response.headers = {{"content-length", "5"},
                          {"x-oss-meta-holdfast-mark", marks[request.url]}};
    } else {
      response.body = base::copy_of(base::as_bytes("<ListBucketResult/>"));
    }
    return response;
  });
  const auto backend = open_s3(
      parse_location("oss://blog.oss-cn-hangzhou.aliyuncs.com/p"), {},
      [] { return S3Credentials{"id", base::Secret(base::as_bytes("secret")), ""}; },
      {store, clock, random, [](double) {}, {}}, S3Open::existing);
  try {
    static_cast<void>(put(*backend, "packs/a", base::as_bytes("0123456789")));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    EXPECT_THAT(error.what(), HasSubstr("keeps 5 bytes of 10"));
  }
}

/// In a bucket whose policy protects each object for thirty days.
class OssWormTest : public testing::Test {
protected:
  static constexpr std::int64_t day = 24L * 3600;

  OssWormTest() { around_.bucket_ = "worm-1250000000"; }

  std::unique_ptr<Backend> open(std::int64_t days) {
    auto options = around_.options();
    options.lock.period_seconds = days * day;
    return around_.open(options);
  }
  static ErrorKind kind_of_failure(const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& error) {
      return error.kind();
    }
    ADD_FAILURE() << "nothing was thrown";
    return ErrorKind::io;
  }

  CloudAround around_{"oss"};
  const base::SystemClock clock_;
};

TEST_F(OssWormTest, WhatIsRemovedWhileItIsProtectedIsHeld) {
  const auto backend = around_.open();
  ASSERT_EQ(put(*backend, "packs/a", base::as_bytes("12345")), PutOutcome::stored);
  ASSERT_EQ(put(*backend, "packs/b", base::as_bytes("1")), PutOutcome::stored);
  EXPECT_EQ(put(*backend, "packs/b", base::as_bytes("2")), PutOutcome::already_there);
  EXPECT_EQ(backend->remove("packs/a"), RemoveOutcome::held);
  for (const auto& seen_by : {around_.open(), around_.open()}) {
    EXPECT_EQ(seen_by->remove("packs/a"), RemoveOutcome::was_absent);
    EXPECT_FALSE(seen_by->stat("packs/a"));
    for (const auto* prefix : {"", "packs/"}) {
      std::vector<std::string> names;
      seen_by->list(prefix, [&](const ObjectInfo& object) { names.push_back(object.name); });
      EXPECT_EQ(names, std::vector<std::string>{"packs/b"});
    }
  }
  EXPECT_EQ(
      kind_of_failure([&] { static_cast<void>(put(*backend, "packs/a", base::as_bytes("new"))); }),
      ErrorKind::conflict)
      << "nobody could see it";
  EXPECT_EQ(backend->remove_leftovers(), 0U);
  int held = 0;
  backend->locks()->list_held([&](const HeldObject& object) {
    ++held;
    EXPECT_EQ(object.name, "packs/a");
    EXPECT_EQ(object.size, 5U);
    EXPECT_GE(object.until.seconds, clock_.wall_now().seconds + 29 * day);
  });
  EXPECT_EQ(held, 1);
}

TEST_F(OssWormTest, ItsLocksAreThoseOfThePolicy) {
  const auto backend = open(30);
  ASSERT_EQ(put(*backend, "packs/a", base::as_bytes("1")), PutOutcome::stored);
  auto& locks = *backend->locks();
  locks.expect_enforced();
  EXPECT_EQ(locks.terms().renewal, LockTerms::Renewal::when_over);
  const auto until = locks.locked_until("packs/a");
  ASSERT_TRUE(until);
  EXPECT_NEAR(static_cast<double>(until->seconds - clock_.wall_now().seconds), 30.0 * day, 60);
  EXPECT_FALSE(locks.locked_until("packs/none"));
  EXPECT_EQ(kind_of_failure([&] { locks.lock("packs/a", *until); }), ErrorKind::access_denied)
      << "what is protected cannot be protected for longer";
  EXPECT_EQ(kind_of_failure([&] { locks.lock("packs/none", *until); }), ErrorKind::not_found);
  EXPECT_EQ(kind_of_failure([&] { locks.hold("packs/a"); }), ErrorKind::unsupported);
}

TEST_F(OssWormTest, APolicyThatIsTooShortIsRefused) {
  EXPECT_EQ(kind_of_failure([&] { open(31)->create("packs/a"); }), ErrorKind::unsupported);
  around_.bucket_ = "holdfast-test-1250000000";
  EXPECT_EQ(kind_of_failure([&] { open(30)->create("packs/a"); }), ErrorKind::unsupported);
}

}  // namespace
}  // namespace holdfast::storage
