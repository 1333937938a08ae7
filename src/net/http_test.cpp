#include "net/http.hpp"

#include <gtest/gtest.h>

namespace holdfast::net {
namespace {

using base::ErrorKind;

TEST(Origin, OfUrls) {
  EXPECT_EQ(parse_origin("https://s3.example.com").url(), "https://s3.example.com");
  EXPECT_EQ(parse_origin("https://s3.example.com/").port, 443);
  EXPECT_EQ(parse_origin("http://127.0.0.1:9000").authority(), "127.0.0.1:9000");
  EXPECT_EQ(parse_origin("https://host:443").authority(), "host");
  EXPECT_EQ(parse_origin("http://[::1]:80").authority(), "[::1]");
  EXPECT_EQ(parse_origin("http://[::1]:81").host, "::1");
}

TEST(Origin, ThatCannotBeMeantIsRefused) {
  for (const char* text : {"", "host", "ftp://host", "https://", "https://u:p@host", "https://h:0",
                           "https://h:70000", "https://h:", "https://h/path", "https://a b",
                           "https://[::1", "https://[x]", "https://h?x"}) {
    EXPECT_THROW(parse_origin(text), base::Error) << text;
  }
}

TEST(PercentEncode, KeepsWhatNeedsNoCode) {
  EXPECT_EQ(percent_encode("azAZ09-._~"), "azAZ09-._~");
  EXPECT_EQ(percent_encode("a b/+\xc3\xa9"), "a%20b%2F%2B%C3%A9");
  EXPECT_EQ(percent_encode("a/b c", "/"), "a/b%20c");
}

TEST(PercentDecode, UndoesIt) {
  EXPECT_EQ(percent_decode("a%20b%2f%C3%A9+"), "a b/\xc3\xa9+");
  for (const char* broken : {"%", "a%2", "%zz", "%-1", "% 1"})
    EXPECT_EQ(percent_decode(broken), std::nullopt) << broken;
}

TEST(UrlForMessages, HoldsNoSecrets) {
  EXPECT_EQ(url_for_messages("https://u:secret@h:1/p?token=secret#x"), "https://h:1/p");
  EXPECT_EQ(url_for_messages("https://h/a@b"), "https://h/a@b");
}

TEST(FindHeader, IgnoresCase) {
  const Headers headers = {{"Content-Type", "a"}, {"X", "1"}, {"x", "2"}};
  EXPECT_EQ(find_header(headers, "content-type"), "a");
  EXPECT_EQ(find_header(headers, "x"), "1");
  EXPECT_EQ(find_header(headers, "absent"), std::nullopt);
}

TEST(ParseHeader, TakesSpacesOff) {
  const auto header = parse_header("Name:  a: b \r\n");
  ASSERT_TRUE(header);
  EXPECT_EQ(header->name, "Name");
  EXPECT_EQ(header->value, "a: b");
  EXPECT_FALSE(parse_header("\r\n"));
}

TEST(StatusError, SaysWhatMayPassLater) {
  HttpResponse response;
  response.status = 503;
  response.retry_after_seconds = 9;
  auto error = status_error(response, "storing x");
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  EXPECT_EQ(error.retry_after_seconds(), 9);
  EXPECT_STREQ(error.what(), "storing x: the server answered with status 503");
  response.status = 403;
  error = status_error(response, "storing x");
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_EQ(error.retry_after_seconds(), std::nullopt);
}

TEST(HttpDate, IsReadOrNothing) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT")->to_iso(), "1994-11-06T08:49:37Z");
  for (const char* text : {"", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Now 1994 08:49:37 GMT",
                           "Sun, 96 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994 xxxxx"}) {
    EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace holdfast::net
