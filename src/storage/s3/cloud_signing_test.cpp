#include "signing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

S3Credentials credentials(const char* id, const char* secret, const char* token = "") {
  return {id, base::Secret(base::as_bytes(secret)), token};
}

// oss/signer/signer_test.go of aliyun/alibabacloud-oss-go-sdk-v2: TestV4AuthHeader,
// TestV4AuthHeaderToken and TestV4AuthHeaderWithAdditionalHeaders, all of the same request.
ToSign oss_request(const char* date) {
  ToSign request{"PUT",
                 "/1234%2B-/123/1.txt",
                 {{"param1", "value1"},
                  {"+param1", "value3"},
                  {"|param1", "value4"},
                  {"+param2", ""},
                  {"|param2", ""},
                  {"param2", ""}},
                 {{"x-oss-head1", "value"},
                  {"abc", "value"},
                  {"ZAbc", "value"},
                  {"XYZ", "value"},
                  {"content-type", "text/plain"},
                  {"x-oss-content-sha256", "UNSIGNED-PAYLOAD"}},
                 {}};
  request.headers.push_back({"x-oss-date", date});
  return request;
}

TEST(OssSigning, OfTheVectorsOfAliyunsSdk) {
  const auto known = credentials("ak", "sk");
  EXPECT_EQ(oss_authorization(oss_request("20231216T162057Z"), "cn-hangzhou", "bucket", {}, known),
            "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,"
            "Signature=e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe");
  auto with_token = oss_request("20231217T034736Z");
  with_token.headers.push_back({"x-oss-security-token", "token"});
  EXPECT_THAT(oss_authorization(with_token, "cn-hangzhou", "bucket", {}, known),
              EndsWith("Signature="
                       "b94a3f999cf85bcdc00d332fbd3734ba03e48382c36fa4d5af5df817395bd9ea"));
  EXPECT_EQ(oss_authorization(oss_request("20231216T172512Z"), "cn-hangzhou", "bucket",
                              {"abc", "zabc"}, known),
            "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,"
            "AdditionalHeaders=abc;zabc,"
            "Signature=4a4183c187c07c8947db7620deb0a6b38d9fbdd34187b6dbaccb316fa251212f");
}

// "Request Signature" in the reference of COS (cloud.tencent.com/document/product/436/7778): the
// examples of uploading and downloading. tencentyun/qcloud-documents holds it as Markdown.
TEST(CosSigning, OfTheExamplesInTheReferenceOfTencent) {
  const auto known =
      credentials("AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q", "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz");
  const std::string path = "/exampleobject(%E8%85%BE%E8%AE%AF%E4%BA%91)";
  const net::Header host = {"Host", "examplebucket-1250000000.cos.ap-beijing.myqcloud.com"};
  const ToSign upload{"PUT",
                      path,
                      {},
                      {{"Date", "Thu, 16 May 2019 06:45:51 GMT"},
                       host,
                       {"Content-Type", "text/plain"},
                       {"Content-Length", "13"},
                       {"Content-MD5", "mQ/fVh815F3k6TAUm8m0eg=="},
                       {"x-cos-acl", "private"},
                       {"x-cos-grant-read", "uin=\"100000000011\""}},
                      {}};
  EXPECT_EQ(cos_authorization(upload, 1557989151, 1557996351, known),
            "q-sign-algorithm=sha1&q-ak=AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q&"
            "q-sign-time=1557989151;1557996351&q-key-time=1557989151;1557996351&"
            "q-header-list=content-length;content-md5;content-type;date;host;x-cos-acl;"
            "x-cos-grant-read&q-url-param-list=&"
            "q-signature=3b8851a11a569213c17ba8fa7dcf2abec6935172");
  const ToSign download{"GET",
                        path,
                        {{"response-content-type", "application/octet-stream"},
                         {"response-cache-control", "max-age=600"}},
                        {{"Date", "Thu, 16 May 2019 06:55:53 GMT"}, host},
                        {}};
  EXPECT_EQ(cos_authorization(download, 1557989753, 1557996953, known),
            "q-sign-algorithm=sha1&q-ak=AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q&"
            "q-sign-time=1557989753;1557996953&q-key-time=1557989753;1557996953&"
            "q-header-list=date;host&"
            "q-url-param-list=response-cache-control;response-content-type&"
            "q-signature=01681b8c9d798a678e43b685a9f1bba0f6c0e012");
}

// auth_test.go of tencentyun/cos-go-sdk-v5, TestNewAuthorization.
TEST(CosSigning, OfTheVectorOfTencentsSdk) {
  const ToSign request{"PUT",
                       "/testfile2",
                       {},
                       {{"Host", "testbucket-125000000.cos.ap-guangzhou.myqcloud.com"},
                        {"x-cos-content-sha1", "db8ac1c259eb89d4a131b253bacfca5f319d54f2"},
                        {"x-cos-stroage-class", "nearline"}},
                       {}};
  EXPECT_EQ(cos_authorization(
                request, 1480932292, 1481012292,
                credentials("QmFzZTY0IGlzIGEgZ2VuZXJp", "AKIDZfbOA78asKUYBcXFrJD0a1ICvR98JM")),
            "q-sign-algorithm=sha1&q-ak=QmFzZTY0IGlzIGEgZ2VuZXJp&"
            "q-sign-time=1480932292;1481012292&q-key-time=1480932292;1481012292&"
            "q-header-list=host;x-cos-content-sha1;x-cos-stroage-class&q-url-param-list=&"
            "q-signature=ce4ac0ecbcdb30538b3fee0a97cc6389694ce53a");
}

// The checksum is that of RFC 1321, appendix A.5.
TEST(CloudSigning, BindsTokenAndChecksumOfTheBody) {
  const auto known = credentials("ak", "geheim", "token");
  const std::string region = "cn-hangzhou";
  const std::string bucket = "bucket";
  for (const auto sign : {sign_for_oss, sign_for_cos}) {
    ToSign request{"PUT", "/key", {}, {{"Host", "h"}}, {}};
    sign(request, {known, region, bucket, base::as_bytes("message digest"), {1702743657, 0}});
    EXPECT_EQ(net::find_header(request.headers, "Content-MD5"), "+WtpfXy3k41SWi8xqvFh0A==");
    const auto token = sign == sign_for_oss ? "x-oss-security-token" : "x-cos-security-token";
    EXPECT_EQ(net::find_header(request.headers, token), "token");
    const auto value = net::find_header(request.headers, "Authorization").value_or("");
    EXPECT_THAT(value, HasSubstr("host"));
    EXPECT_THAT(value, Not(HasSubstr("geheim")));
  }
}

}  // namespace
}  // namespace holdfast::storage
