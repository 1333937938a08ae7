#include "base/error.hpp"
#include "s3_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

using base::ErrorKind;
using testing::HasSubstr;

S3Options with_region(std::string region) {
  S3Options options;
  options.region = std::move(region);
  return options;
}

TEST(S3Place, OfAwsIsTheRegionsOwn) {
  const auto place = resolve_s3_place(parse_location("s3://bucket/a/b"), with_region("eu-west-1"));
  EXPECT_EQ(place.origin.url(), "https://s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(place.bucket, "bucket");
  EXPECT_EQ(place.prefix, "a/b/");
  EXPECT_TRUE(place.is_aws);
  EXPECT_TRUE(place.is_virtual_hosted);
  EXPECT_FALSE(resolve_s3_place(parse_location("s3://my.bucket"), {}).is_virtual_hosted);
  EXPECT_EQ(resolve_s3_place(parse_location("s3://bucket"), with_region("cn-north-1")).origin.host,
            "s3.cn-north-1.amazonaws.com.cn");
}

TEST(S3Place, OfAnotherServerIsSaidByLocationOrOption) {
  const auto place = resolve_s3_place(parse_location("s3://ceph:7480/bucket/a"), {});
  EXPECT_EQ(place.origin.url(), "https://ceph:7480");
  EXPECT_EQ(place.bucket, "bucket");
  EXPECT_EQ(place.prefix, "a/");
  EXPECT_FALSE(place.is_virtual_hosted);
  S3Options options;
  options.endpoint = "http://127.0.0.1:9000";
  options.addressing = S3Options::Addressing::virtual_hosted;
  const auto other = resolve_s3_place(parse_location("s3://bucket"), options);
  EXPECT_EQ(other.origin.url(), "http://127.0.0.1:9000");
  EXPECT_EQ(other.prefix, "");
  EXPECT_TRUE(other.is_virtual_hosted);
}

TEST(S3Place, ThatCannotBeMeantIsRefused) {
  for (const char* text : {"s3://ab", "s3://host:1/ab", "s3://bucket/a b", "s3://bucket/a%2f"}) {
    EXPECT_THROW(resolve_s3_place(parse_location(text), {}), base::Error) << text;
  }
  EXPECT_THROW(resolve_s3_place(parse_location("s3://bucket"), with_region("evil.host/x")),
               base::Error);
}

net::HttpResponse reply(int status, std::string_view body) {
  net::HttpResponse response;
  response.status = status;
  response.body = base::copy_of(base::as_bytes(body));
  return response;
}

TEST(S3Error, SaysWhatTheStoreSays) {
  auto error = s3_error(reply(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>"), "doing");
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.hint(), HasSubstr("secret key"));
  error = s3_error(reply(400,
                         "<Error><Code>AuthorizationHeaderMalformed</Code>"
                         "<Region>eu-central-1</Region></Error>"),
                   "doing");
  EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  EXPECT_THAT(error.hint(), HasSubstr("own region: eu-central-1"));
  error = s3_error(reply(503, "<Error><Code>SlowDown</Code><Message>easy</Message></Error>"), "x");
  EXPECT_EQ(error.retry(), base::Retry::later);
  EXPECT_STREQ(error.what(), "x: SlowDown: easy");
  error = s3_error(reply(500, "<Error><Code>Strange\x1b</Code></Error>"), "x");
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  EXPECT_STREQ(error.what(), "x: Strange\\x1b");
  error = s3_error(reply(403, ""), "x");
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
}

}  // namespace
}  // namespace holdfast::storage
