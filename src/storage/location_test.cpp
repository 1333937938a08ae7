#include "storage/location.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace holdfast::storage {
namespace {

TEST(Location, of_a_path_is_a_file_url) {
  EXPECT_EQ(parse_location("/backup/repo").url(), "file:///backup/repo");
  EXPECT_EQ(parse_location("file:///backup/repo").path, "/backup/repo");
  EXPECT_EQ(parse_location("/backup//x/../repo/").path, "/backup/repo");
  EXPECT_EQ(parse_location("/").path, "/");
  EXPECT_EQ(parse_location("repo").path, std::filesystem::current_path().string() + "/repo");
}

TEST(Location, of_memory_is_known) { EXPECT_EQ(parse_location("memory://").scheme, "memory"); }

TEST(Location, of_a_server_has_user_host_port_and_path) {
  const auto whole = parse_location("sftp://backup@nas.example:2222/srv//repo/");
  EXPECT_EQ(whole.user, "backup");
  EXPECT_EQ(whole.host, "nas.example");
  EXPECT_EQ(whole.port, 2222);
  EXPECT_EQ(whole.path, "/srv/repo");
  EXPECT_EQ(whole.url(), "sftp://backup@nas.example:2222/srv/repo");
  EXPECT_EQ(parse_location("sftp://nas/r").url(), "sftp://nas/r");
  EXPECT_EQ(parse_location("sftp://[::1]:22/r").host, "::1");
  EXPECT_EQ(parse_location("sftp://[::1]:22/r").url(), "sftp://[::1]:22/r");
}

TEST(Location, of_a_server_cannot_smuggle_options_or_secrets) {
  for (const char* text :
       {"sftp://-oProxyCommand=x/r", "sftp://-l@h/r", "sftp://u@-h/r", "sftp://u:secret@h/r",
        "sftp://h", "sftp://h/", "sftp:///r", "sftp://h:0/r", "sftp://h:70000/r", "sftp://h:2x/r",
        "sftp://[::1/r", "sftp://[x]/r", "sftp://a b/r", "sftp://@h/r", "sftp://[::1]x/r"}) {
    EXPECT_THROW(parse_location(text), base::Error) << text;
  }
  try {
    parse_location("sftp://u:secret@h/r");
  } catch (const base::Error& error) {
    EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos);
  }
}

TEST(Location, of_a_bucket_has_a_bucket_or_a_server) {
  const auto at_aws = parse_location("s3://my.bucket/some//prefix/");
  EXPECT_EQ(at_aws.host, "my.bucket");
  EXPECT_EQ(at_aws.path, "/some/prefix");
  EXPECT_EQ(at_aws.url(), "s3://my.bucket/some/prefix");
  EXPECT_EQ(parse_location("s3://bucket").url(), "s3://bucket");
  EXPECT_EQ(parse_location("s3://bucket/").url(), "s3://bucket");
  const auto elsewhere = parse_location("s3://ceph.example:7480/bucket/prefix");
  EXPECT_EQ(elsewhere.port, 7480);
  EXPECT_EQ(elsewhere.path, "/bucket/prefix");
  for (const char* text : {"s3://", "s3:///bucket", "s3://key:secret@bucket/p", "s3://key@bucket/p",
                           "s3://host:80", "s3://host:80/", "s3://a b/c", "s3://[::1"}) {
    EXPECT_THROW(parse_location(text), base::Error) << text;
  }
}

TEST(Location, of_a_bucket_at_a_cloud_has_a_bucket_or_its_host) {
  const auto alone = parse_location("oss://bucket/prefix/");
  EXPECT_EQ(alone.scheme, "oss");
  EXPECT_EQ(alone.host, "bucket");
  EXPECT_EQ(alone.url(), "oss://bucket/prefix");
  const auto whole = parse_location("cos://b-1250000000.cos.ap-guangzhou.myqcloud.com/a");
  EXPECT_EQ(whole.host, "b-1250000000.cos.ap-guangzhou.myqcloud.com");
  EXPECT_EQ(whole.path, "/a");
  for (const char* text :
       {"oss://", "oss:///bucket", "cos://key:secret@bucket/p", "oss://b:80/p"}) {
    EXPECT_THROW(parse_location(text), base::Error) << text;
  }
}

TEST(Location, of_a_webdav_folder_may_lack_all_but_the_host) {
  const auto whole = parse_location("webdavs://ann@cloud.example:8443/remote.php/dav/files/ann/");
  EXPECT_EQ(whole.user, "ann");
  EXPECT_EQ(whole.url(), "webdavs://ann@cloud.example:8443/remote.php/dav/files/ann");
  EXPECT_EQ(parse_location("webdav://h").url(), "webdav://h");
  EXPECT_EQ(parse_location("webdav://h/").path, "");
  for (const char* text :
       {"webdavs://", "webdavs:///p", "webdavs://u:secret@h/p", "webdav://h:x/"}) {
    EXPECT_THROW(parse_location(text), base::Error) << text;
  }
}

TEST(Location, of_a_rest_store_has_a_repository_and_no_user) {
  const auto whole = parse_location("https://backup.example:8443/behind/a/proxy/blog/");
  EXPECT_EQ(whole.port, 8443);
  EXPECT_EQ(whole.url(), "https://backup.example:8443/behind/a/proxy/blog");
  EXPECT_EQ(parse_location("https://[::1]/blog").host, "::1");
  for (const char* text : {"https://h", "https://h/", "https:///blog", "https://token@h/blog",
                           "https://u:secret@h/blog", "http://h/blog"}) {
    EXPECT_THROW(parse_location(text), base::Error) << text;
  }
}

TEST(Location, of_a_folder_of_an_ftp_server_may_lack_the_path) {
  const auto whole = parse_location("ftps://ann@ftp.example:990/backups/blog/");
  EXPECT_EQ(whole.scheme, "ftps");
  EXPECT_EQ(whole.user, "ann");
  EXPECT_EQ(whole.port, 990);
  EXPECT_EQ(whole.url(), "ftps://ann@ftp.example:990/backups/blog");
  EXPECT_EQ(parse_location("ftp://ann@h/").url(), "ftp://ann@h");
  for (const char* text : {"ftps://", "ftps:///p", "ftps://ann:secret@h/p", "ftps://h:x/"}) {
    EXPECT_THROW(parse_location(text), base::Error) << text;
  }
}

TEST(Location, that_cannot_be_meant_is_refused) {
  for (const char* text : {"", "file://", "file://host/path", "gopher://x/y"}) {
    EXPECT_THROW(parse_location(text), base::Error) << text;
  }
}

}  // namespace
}  // namespace holdfast::storage
