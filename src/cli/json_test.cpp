#include "json.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace holdfast::cli {
namespace {

TEST(Json, NestsAndSeparates) {
  JsonWriter json;
  json.begin_object().field("a", 1).key("b").begin_array().value(true).null().value(-2);
  json.begin_object().end_object().end_array().field("c", "x").end_object();
  EXPECT_EQ(json.text(), R"({"a":1,"b":[true,null,-2,{}],"c":"x"})");
}

TEST(Json, EscapesWhatMustBe) {
  JsonWriter json;
  json.value(std::string_view("\"\\\n\t\r\x01\x7f\0é", 10));
  EXPECT_EQ(json.text(), "\"\\\"\\\\\\n\\t\\r\\u0001\\u007f\\u0000é\"");
}

TEST(Json, NumbersKeepAllTheirBits) {
  JsonWriter json;
  json.begin_array().value(UINT64_MAX).value(INT64_MIN).value(0.5).value(1.0 / 0.0).end_array();
  EXPECT_EQ(json.text(), "[18446744073709551615,-9223372036854775808,0.5,null]");
}

TEST(Json, BytesAreAddedOnlyWhereTextIsNotExact) {
  JsonWriter json;
  json.begin_object().raw_field("path", "/ä").raw_field("other", "/\xff").end_object();
  EXPECT_EQ(json.text(), "{\"path\":\"/ä\",\"other\":\"/\xEF\xBF\xBD\",\"other_bytes\":\"2fff\"}");
}

TEST(Utf8, AcceptsAndRefusesWhatRfc3629Does) {
  EXPECT_TRUE(is_utf8("a\xC2\x80\xE0\xA0\x80\xED\x9F\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"));
  for (const char* bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xF0\x9F\x92"}) {
    EXPECT_FALSE(is_utf8(bad)) << static_cast<int>(static_cast<unsigned char>(bad[0]));
  }
}

RC_GTEST_PROP(JsonProperty, TextIsAlwaysUtf8WithoutControlCharacters, (const std::string& bytes)) {
  JsonWriter json;
  json.begin_object().raw_field("x", bytes).end_object();
  RC_ASSERT(is_utf8(json.text()));
  for (const char c : json.text())
    RC_ASSERT(static_cast<unsigned char>(c) >= 0x20);
}

}  // namespace
}  // namespace holdfast::cli
