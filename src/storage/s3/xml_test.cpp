#include "xml.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::storage {
namespace {

using base::as_bytes;

TEST(S3Xml, ReadsListsOfObjects) {
  const auto page = parse_list_page(
      as_bytes("<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/\">"
               "<Name>b</Name><IsTruncated>true</IsTruncated>"
               "<NextContinuationToken>a/b&amp;c==</NextContinuationToken>"
               "<Contents><Key>p/one&lt;</Key><LastModified>2026-11-20T10:00:00.000Z"
               "</LastModified><Size>5000000000</Size></Contents>"
               "<Contents><Key>p/two</Key><Size>0</Size></Contents></ListBucketResult>"),
      2);
  ASSERT_EQ(page.objects.size(), 2U);
  EXPECT_EQ(page.objects[0].key, "p/one<");
  EXPECT_EQ(page.objects[0].size, 5'000'000'000U);
  EXPECT_EQ(page.objects[0].modified, "2026-11-20T10:00:00.000Z");
  EXPECT_EQ(page.next, "a/b&c==");
}

TEST(S3Xml, ReadsListsThatGoOnAfterAMarker) {
  const auto page = parse_list_page(
      as_bytes("<ListBucketResult><IsTruncated>true</IsTruncated><NextMarker>p/one</NextMarker>"
               "<Contents><Key>p/one</Key><Size>1</Size></Contents></ListBucketResult>"),
      1);
  EXPECT_EQ(page.next, "p/one");
}

TEST(S3Xml, ReadsWhereABucketIsElsewhere) {
  const auto complaint =
      parse_complaint(as_bytes("<Error><Code>AccessDenied</Code><Message>m</Message>"
                               "<Endpoint>oss-cn-shenzhen.aliyuncs.com</Endpoint></Error>"));
  ASSERT_TRUE(complaint);
  EXPECT_EQ(complaint->endpoint, "oss-cn-shenzhen.aliyuncs.com");
}

TEST(S3Xml, ReadsListsOfVersionsInTheirOrder) {
  const auto page = parse_version_page(
      as_bytes("<ListVersionsResult><Name>b</Name><IsTruncated>true</IsTruncated>"
               "<NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>2</NextVersionIdMarker>"
               "<DeleteMarker><Key>k</Key><VersionId>3</VersionId></DeleteMarker>"
               "<Version><Key>k</Key><VersionId>2</VersionId><Size>7</Size></Version>"
               "<CommonPrefixes/></ListVersionsResult>"),
      2);
  ASSERT_EQ(page.versions.size(), 2U);
  EXPECT_TRUE(page.versions[0].is_marker);
  EXPECT_EQ(page.versions[0].version, "3");
  EXPECT_FALSE(page.versions[1].is_marker);
  EXPECT_EQ(page.versions[1].size, 7U);
  EXPECT_EQ(page.next_key, "k");
  EXPECT_EQ(page.next_version, "2");
  for (const auto* wrong :
       {"", "<ListBucketResult/>",
        "<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>",
        "<ListVersionsResult><Version><Key>k</Key></Version></ListVersionsResult>",
        "<ListVersionsResult><DeleteMarker/><DeleteMarker/><DeleteMarker/></ListVersionsResult>"}) {
    EXPECT_THROW(parse_version_page(as_bytes(wrong), 2), base::Error) << wrong;
  }
}

TEST(S3Xml, RefusesListsThatCannotBeMeant) {
  const std::string one = "<Contents><Key>k</Key><Size>1</Size></Contents>";
  const auto list = [](const std::string& inside) {
    return "<ListBucketResult>" + inside + "</ListBucketResult>";
  };
  for (const auto& text :
       {std::string(), std::string("not xml"), std::string("<html/>"), list(one + one + one),
        list("<IsTruncated>true</IsTruncated>"), list("<Contents><Key>k</Key></Contents>"),
        list("<Contents><Key>k</Key><Size>-1</Size></Contents>"),
        list("<Contents><Key>k</Key><Size>99999999999999999999</Size></Contents>"),
        list("<Contents><Key>" + std::string(5000, 'k') + "</Key><Size>1</Size></Contents>")}) {
    EXPECT_THROW(parse_list_page(as_bytes(text), 2), base::Error) << text;
  }
}

TEST(S3Xml, DoesNotExpandEntities) {
  const auto page =
      parse_list_page(as_bytes("<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]>"
                               "<ListBucketResult><Contents><Key>&b;</Key><Size>1</Size></Contents>"
                               "</ListBucketResult>"),
                      1);
  EXPECT_EQ(page.objects.at(0).key, "&b;");
}

TEST(S3Xml, ReadsListsOfUploads) {
  const auto page = parse_upload_page(
      as_bytes("<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>"
               "<NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>"
               "<Upload><Key>k</Key><UploadId>u</UploadId><Initiated>t</Initiated></Upload>"
               "</ListMultipartUploadsResult>"),
      10);
  ASSERT_EQ(page.uploads.size(), 1U);
  EXPECT_EQ(page.uploads[0].upload, "u");
  EXPECT_EQ(page.uploads[0].initiated, "t");
  EXPECT_EQ(page.next_key, "k");
  EXPECT_EQ(page.next_upload, "u");
}

TEST(S3Xml, ReadsComplaints) {
  const auto complaint = parse_complaint(
      as_bytes("<Error><Code>AuthorizationHeaderMalformed</Code><Message>m</Message>"
               "<Region>eu-west-1</Region></Error>"));
  ASSERT_TRUE(complaint);
  EXPECT_EQ(complaint->code, "AuthorizationHeaderMalformed");
  EXPECT_EQ(complaint->region, "eu-west-1");
  EXPECT_FALSE(parse_complaint(as_bytes("<CompleteMultipartUploadResult/>")));
  EXPECT_FALSE(parse_complaint({}));
}

TEST(S3Xml, ReadsRetentionPolicies) {
  const auto read = [](const std::string& state, const std::string& days) {
    const auto xml = "<WormConfiguration><WormId>1</WormId><State>" + state +
                     "</State><RetentionPeriodInDays>" + days +
                     "</RetentionPeriodInDays></WormConfiguration>";
    return parse_worm_policy(as_bytes(xml));
  };
  EXPECT_TRUE(read("Locked", "2").is_locked);
  EXPECT_EQ(read("Locked", "2").period_seconds, 2 * 24 * 3600);
  EXPECT_FALSE(read("InProgress", "2").is_locked);
  for (const auto* days : {"", "0", "-1", "25551", "18446744073709551615", "two"})
    EXPECT_THROW(read("Locked", days), base::Error) << days;
  EXPECT_THROW(parse_worm_policy(as_bytes("<Error><Code>x</Code></Error>")), base::Error);
}

TEST(S3Xml, WritesParts) {
  EXPECT_EQ(complete_upload_xml({{1, "\"a\""}, {2, "<&>"}}),
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            "<Part><PartNumber>1</PartNumber><ETag>\"a\"</ETag></Part>"
            "<Part><PartNumber>2</PartNumber><ETag>&lt;&amp;&gt;</ETag></Part>"
            "</CompleteMultipartUpload>");
}

}  // namespace
}  // namespace holdfast::storage
