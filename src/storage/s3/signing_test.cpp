#include "signing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

constexpr const char* empty_hash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string signature(const ToSign& request, const SigningScope& scope, const char* id,
                      const char* secret) {
  return authorization(request, scope, {id, base::Secret(base::as_bytes(secret)), ""});
}

// The examples of "Signature Calculations for the Authorization Header" in the reference of
// Amazon S3: GET and PUT of an object, GET of a sub-resource, a list.
std::string of_s3(const ToSign& request) {
  return signature(request, {"us-east-1"}, "AKIAIOSFODNN7EXAMPLE",
                   "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
}

ToSign s3_request(std::string path, Query query, net::Headers more = {}) {
  ToSign request{"GET", std::move(path), std::move(query), std::move(more), empty_hash};
  request.headers.push_back({"Host", "examplebucket.s3.amazonaws.com"});
  request.headers.push_back({"x-amz-date", "20130524T000000Z"});
  return request;
}

TEST(Signing, OfTheExamplesInTheReferenceOfS3) {
  const net::Header no_body = {"x-amz-content-sha256", empty_hash};
  EXPECT_THAT(of_s3(s3_request("/test.txt", {}, {no_body, {"Range", "bytes=0-9"}})),
              EndsWith("Signature="
                       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"));
  auto put = s3_request(
      "/test%24file.text", {},
      {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}});
  put.method = "PUT";
  put.payload_hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
  put.headers.push_back({"x-amz-content-sha256", put.payload_hash});
  const auto of_put = of_s3(put);
  EXPECT_THAT(of_put, HasSubstr("SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;"
                                "x-amz-storage-class,"));
  EXPECT_THAT(of_put, EndsWith("98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
  EXPECT_THAT(of_s3(s3_request("/", {{"lifecycle", ""}}, {no_body})),
              EndsWith("fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
  EXPECT_THAT(of_s3(s3_request("/", {{"prefix", "J"}, {"max-keys", "2"}}, {no_body})),
              EndsWith("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

// The AWS Signature Version 4 test suite.
std::string of_suite(ToSign request) {
  request.headers.push_back({"Host", "example.amazonaws.com"});
  request.headers.push_back({"X-Amz-Date", "20150830T123600Z"});
  request.payload_hash = empty_hash;
  return signature(request, {"us-east-1", "service"}, "AKIDEXAMPLE",
                   "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
}

TEST(Signing, OfTheTestSuiteOfAws) {
  EXPECT_THAT(of_suite({.method = "GET", .path = "/"}),
              EndsWith("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
  EXPECT_THAT(of_suite({.method = "POST", .path = "/"}),
              EndsWith("5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"));
  EXPECT_THAT(
      of_suite(
          {.method = "GET", .path = "/", .query = {{"Param2", "value2"}, {"Param1", "value1"}}}),
      EndsWith("b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"));
  EXPECT_THAT(of_suite({.method = "GET",
                        .path = "/",
                        .headers = {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}}),
              EndsWith("acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"));
}

TEST(Signing, SortsTheQueryByItsEncodedForm) {
  EXPECT_EQ(canonical_query({{"b", "1"}, {"a", "x y/="}, {"a", ""}}), "a=&a=x%20y%2F%3D&b=1");
}

TEST(Signing, WritesDatesWithoutMarks) { EXPECT_EQ(amz_date({1369353600, 5}), "20130524T000000Z"); }

TEST(Profile, IsFoundInAFileOfAws) {
  const char* const text =
      "# comment\n[default]\naws_access_key_id = A\naws_secret_access_key=one\n\n"
      "[work]\n  aws_access_key_id=B \naws_secret_access_key = two=\naws_session_token = t\n"
      "region = eu-central-1\n";
  const auto first = parse_s3_profile("s3", text, "default", "f");
  EXPECT_EQ(first.access_key_id, "A");
  EXPECT_EQ(base::as_text(first.secret_access_key.view()), "one");
  EXPECT_EQ(first.session_token, "");
  const auto second = parse_s3_profile("s3", text, "work", "f");
  EXPECT_EQ(second.access_key_id, "B");
  EXPECT_EQ(base::as_text(second.secret_access_key.view()), "two=");
  EXPECT_EQ(second.session_token, "t");
}

TEST(Profile, MayHaveNoName) {
  EXPECT_EQ(parse_s3_profile("s3", "aws_access_key_id=A\r\naws_secret_access_key=s\r\n", "any", "f")
                .access_key_id,
            "A");
}

TEST(Profile, ThatIsNotWholeIsRefusedWithoutItsSecret) {
  EXPECT_THROW(parse_s3_profile("s3", "[a]\naws_access_key_id=A\n", "b", "f"), base::Error);
  try {
    parse_s3_profile("s3", "[a]\naws_secret_access_key=geheim\n", "a", "the file f");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::invalid_input);
    EXPECT_THAT(error.what(), HasSubstr("the file f"));
    EXPECT_THAT(error.what(), testing::Not(HasSubstr("geheim")));
  }
}

}  // namespace
}  // namespace holdfast::storage
