#include "webdav_listing.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::storage {
namespace {

using base::as_bytes;

std::string response(const std::string& href, const std::string& properties,
                     const std::string& status = "HTTP/1.1 200 OK") {
  return "<D:response><D:href>" + href + "</D:href><D:propstat><D:prop>" + properties +
         "</D:prop><D:status>" + status + "</D:status></D:propstat></D:response>";
}

std::string multistatus(const std::string& inside) {
  return "<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\">" + inside + "</D:multistatus>";
}

TEST(WebdavListing, ReadsFilesAndFolders) {
  const auto entries = parse_multistatus(
      as_bytes(multistatus(
          response("/a%20b/", "<D:resourcetype><D:collection/></D:resourcetype>") +
          response("https://host:8443/a%20b/c&amp;d",
                   "<D:resourcetype/><D:getcontentlength>5000000000</D:getcontentlength>"
                   "<D:getlastmodified>Sat, 21 Nov 2026 19:44:12 GMT</D:getlastmodified>") +
          response("/", "<D:resourcetype><D:collection/></D:resourcetype>"))),
      3);
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].path, "/a b");
  EXPECT_TRUE(entries[0].is_folder);
  EXPECT_EQ(entries[0].size, std::nullopt);
  EXPECT_EQ(entries[1].path, "/a b/c&d");
  EXPECT_FALSE(entries[1].is_folder);
  EXPECT_EQ(entries[1].size, 5'000'000'000U);
  ASSERT_TRUE(entries[1].modified);
  EXPECT_EQ(entries[1].modified->to_iso(), "2026-11-21T19:44:12Z");
  EXPECT_EQ(entries[2].path, "/");
}

TEST(WebdavListing, WhatIsNotToldIsLeftOut) {
  const auto missing =
      "<D:propstat><D:prop><D:getcontentlength/></D:prop>"
      "<D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>";
  auto folder = response("/a", "<D:resourcetype><D:collection/></D:resourcetype>");
  folder.replace(folder.find("</D:response>"), std::string::npos, missing);
  const auto entries = parse_multistatus(
      as_bytes(
          multistatus(folder + response("/gone", "", "HTTP/1.1 404 Not Found") +
                      "<response><href>/b</href><status>HTTP/1.1 423 Locked</status></response>")),
      9);
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_TRUE(entries[0].is_folder);
}

TEST(WebdavListing, RefusesListsThatCannotBeMeant) {
  const auto one = response("/a", "<D:getcontentlength>1</D:getcontentlength>");
  const auto whole = multistatus(one);
  for (const auto& text :
       {std::string(), std::string("not xml"), std::string("<html/>"), multistatus(one + one + one),
        whole.substr(0, whole.size() - 5), whole.substr(0, whole.find("</D:response>")),
        multistatus(response("", "")), multistatus(response("a", "")),
        multistatus(response("/a%2", "")),
        multistatus(response("/" + std::string(20'000, 'a'), "")),
        multistatus(response("/a", "<D:getcontentlength>-1</D:getcontentlength>")),
        multistatus(response("/a", "<D:getcontentlength>1x</D:getcontentlength>")),
        multistatus(
            response("/a", "<D:getcontentlength>99999999999999999999</D:getcontentlength>"))}) {
    EXPECT_THROW(parse_multistatus(as_bytes(text), 2), base::Error) << text;
  }
}

}  // namespace
}  // namespace holdfast::storage
