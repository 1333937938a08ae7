#include "base/error.hpp"
#include "s3_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

using base::ErrorKind;
using testing::HasSubstr;
using Network = S3Options::Network;

S3Place place_of(const char* url, std::string region = {}, Network network = Network::as_located) {
  S3Options options;
  options.region = std::move(region);
  options.network = network;
  return resolve_s3_place(parse_location(url), options);
}

TEST(CloudPlace, IsSaidByABucketAndARegion) {
  const auto oss = place_of("oss://blog/a/b", "cn-hangzhou");
  EXPECT_EQ(oss.origin.url(), "https://oss-cn-hangzhou.aliyuncs.com");
  EXPECT_EQ(oss.bucket, "blog");
  EXPECT_EQ(oss.prefix, "a/b/");
  EXPECT_TRUE(oss.is_virtual_hosted);
  EXPECT_EQ(oss.dialect.scheme, "oss");
  const auto cos = place_of("cos://blog-1250000000", "ap-guangzhou");
  EXPECT_EQ(cos.origin.url(), "https://cos.ap-guangzhou.myqcloud.com");
  EXPECT_EQ(cos.bucket, "blog-1250000000");
  EXPECT_EQ(cos.prefix, "");
}

TEST(CloudPlace, IsSaidByTheHostOfABucket) {
  const auto oss = place_of("oss://blog.oss-ap-southeast-1.aliyuncs.com/p");
  EXPECT_EQ(oss.bucket, "blog");
  EXPECT_EQ(oss.region, "ap-southeast-1");
  EXPECT_EQ(oss.origin.host, "oss-ap-southeast-1.aliyuncs.com");
  const auto inside = place_of("oss://blog.oss-cn-hangzhou-internal.aliyuncs.com");
  EXPECT_EQ(inside.region, "cn-hangzhou");
  EXPECT_EQ(inside.origin.host, "oss-cn-hangzhou-internal.aliyuncs.com");
  const auto cos = place_of("cos://b-1250000000.cos-internal.ap-chengdu.tencentcos.cn/p");
  EXPECT_EQ(cos.region, "ap-chengdu");
  EXPECT_EQ(cos.origin.host, "cos-internal.ap-chengdu.tencentcos.cn");
  EXPECT_EQ(place_of("cos://b-1.cos.accelerate.myqcloud.com").origin.host,
            "cos.accelerate.myqcloud.com");
}

TEST(CloudPlace, MayBeReachedByAnotherNetwork) {
  const char* const oss = "oss://blog.oss-cn-hangzhou.aliyuncs.com/p";
  EXPECT_EQ(place_of(oss, "", Network::internal).origin.host,
            "oss-cn-hangzhou-internal.aliyuncs.com");
  const auto fast = place_of(oss, "", Network::accelerated);
  EXPECT_EQ(fast.origin.host, "oss-accelerate.aliyuncs.com");
  EXPECT_EQ(fast.region, "cn-hangzhou");
  EXPECT_EQ(
      place_of("oss://blog.oss-cn-hangzhou-internal.aliyuncs.com", "", Network::open).origin.host,
      "oss-cn-hangzhou.aliyuncs.com");
  EXPECT_EQ(place_of("cos://b-1", "ap-guangzhou", Network::internal).origin.host,
            "cos-internal.ap-guangzhou.tencentcos.cn");
  EXPECT_EQ(place_of("cos://b-1", "", Network::accelerated).origin.host,
            "cos.accelerate.myqcloud.com");
}

TEST(CloudPlace, MayBeAtAnEndpointOfItsOwn) {
  S3Options options;
  options.endpoint = "http://127.0.0.1:9000";
  options.region = "r1";
  const auto place = resolve_s3_place(parse_location("oss://blog/p"), options);
  EXPECT_EQ(place.origin.url(), "http://127.0.0.1:9000");
  EXPECT_EQ(place.region, "r1");
  options.region = "";
  EXPECT_EQ(resolve_s3_place(parse_location("cos://b-1/p"), options).origin.port, 9000);
}

TEST(CloudPlace, ThatCannotBeMeantIsRefused) {
  struct Wrong {
    const char* url;
    const char* region;
    const char* why;
  };
  for (const auto& wrong : {
           Wrong{"oss://blog/p", "", "region of the bucket blog is not said"},
           Wrong{"oss://blog.oss-accelerate.aliyuncs.com/p", "", "region"},
           Wrong{"oss://blog.oss-cn-hangzhou.aliyuncs.com", "cn-beijing", "another region"},
           Wrong{"oss://Blog/p", "cn-hangzhou", "is not the name of a bucket at Aliyun"},
           Wrong{"oss://blog-/p", "cn-hangzhou", "is not the name of a bucket"},
           Wrong{"oss://ab/p", "cn-hangzhou", "is not the name of a bucket"},
           Wrong{"oss://blog.evil.example/p", "cn-hangzhou", "no host of a bucket"},
           Wrong{"oss://blog.oss-x.evil.aliyuncs.com/p", "", "no host of a bucket"},
           Wrong{"oss://blog.cos.ap-guangzhou.myqcloud.com/p", "", "no host of a bucket"},
           Wrong{"oss://blog/p", "x.evil", "is not a region"},
           Wrong{"cos://blog/p", "ap-guangzhou", "is not the name of a bucket at Tencent"},
           Wrong{"cos://blog-/p", "ap-guangzhou", "is not the name of a bucket"},
           Wrong{"cos://b-1/p", "", "is not said"},
       }) {
    SCOPED_TRACE(wrong.url);
    try {
      place_of(wrong.url, wrong.region);
      ADD_FAILURE() << "it was taken";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      EXPECT_THAT(error.what(), HasSubstr(wrong.why));
      EXPECT_THAT(error.hint(), HasSubstr("write "));
    }
  }
}

net::HttpResponse reply(int status, std::string_view inside) {
  net::HttpResponse response;
  response.status = status;
  response.body = base::copy_of(base::as_bytes("<Error>" + std::string(inside) + "</Error>"));
  return response;
}

TEST(CloudError, OfAnotherRegionNamesTheRightOne) {
  auto error = s3_error(reply(403,
                              "<Code>AccessDenied</Code><Message>must be addressed using the "
                              "specified endpoint</Message>"
                              "<Endpoint>oss-cn-shenzhen.aliyuncs.com</Endpoint>"),
                        "x");
  EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  EXPECT_EQ(error.layer(), base::Layer::place);
  EXPECT_THAT(error.hint(), HasSubstr("oss-cn-shenzhen.aliyuncs.com"));
  error = s3_error(reply(400,
                         "<Code>InvalidArgument</Code><Message>Invalid signing region in "
                         "Authorization header.</Message>"),
                   "x");
  EXPECT_EQ(error.layer(), base::Layer::place);
  EXPECT_THAT(error.hint(), HasSubstr("'region'"));
  EXPECT_EQ(s3_error(reply(403, "<Code>AccessDenied</Code>"), "x").kind(),
            ErrorKind::access_denied);
}

TEST(CloudError, TellsATakenNameFromOtherConflicts) {
  EXPECT_TRUE(says_name_is_taken(reply(409, "<Code>FileAlreadyExists</Code>")));
  EXPECT_TRUE(says_name_is_taken(reply(409, "<Code>ObjectAlreadyExists</Code>")));
  EXPECT_TRUE(says_name_is_taken(reply(412, "")));
  EXPECT_FALSE(says_name_is_taken(reply(409, "<Code>OperationAborted</Code>")));
  EXPECT_FALSE(says_name_is_taken(reply(403, "<Code>AccessDenied</Code>")));
}

TEST(CloudProfile, IsFoundInFilesOfTheToolsOfClouds) {
  const auto oss = parse_s3_profile(
      "oss", "[default]\naccessKeyID=A\naccessKeySecret = s\nstsToken=t\nregion=x\n", "default",
      "f");
  EXPECT_EQ(oss.access_key_id, "A");
  EXPECT_EQ(base::as_text(oss.secret_access_key.view()), "s");
  EXPECT_EQ(oss.session_token, "t");
  const auto cos =
      parse_s3_profile("cos", "[common]\nsecret_id = B\nsecret_key = s\n", "common", "f");
  EXPECT_EQ(cos.access_key_id, "B");
  EXPECT_THROW(parse_s3_profile("cos", "[common]\naccessKeyID=A\n", "common", "f"), base::Error);
}

}  // namespace
}  // namespace holdfast::storage
