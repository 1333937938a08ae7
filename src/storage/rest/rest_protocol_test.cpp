#include "storage/rest/rest_protocol.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::storage {
namespace {

TEST(RestProtocolTest, AListIsReadAsItWasWritten) {
  for (const bool has_more : {false, true}) {
    const RestListPage page{{{"packs/ab/1", 0}, {"packs/ab/2", UINT64_MAX}}, has_more};
    const auto text = format_list_page(page);
    const auto read = parse_list_page(base::as_bytes(text), "packs/");
    EXPECT_EQ(read.objects, page.objects);
    EXPECT_EQ(read.has_more, has_more);
  }
  EXPECT_TRUE(parse_list_page(base::as_bytes("end\n"), "").objects.empty());
}

TEST(RestProtocolTest, AListThatIsNoneIsRefused) {
  for (const std::string text :
       {"", "end", "1 a\n", "more\n", "end\n1 a\n", "1 a\nend\n\n", "x a\nend\n", "1\nend\n",
        " a\nend\n", "-1 a\nend\n", "1 ../a\nend\n", "1 .a\nend\n", "1 a b\nend\n",
        "1 b\n1 a\nend\n", "1 a\n1 a\nend\n", "18446744073709551616 a\nend\n"}) {
    try {
      parse_list_page(base::as_bytes(text), "");
      ADD_FAILURE() << text;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), base::ErrorKind::corrupt) << text;
    }
  }
  EXPECT_THROW(parse_list_page(base::as_bytes("1 a\nend\n"), "packs/"), base::Error);
  std::string much;
  for (std::size_t i = 0; i <= rest_list_objects_max; ++i)
    much += "1 " + std::to_string(1'000'000 + i) + "\n";
  EXPECT_THROW(parse_list_page(base::as_bytes(much + "end\n"), ""), base::Error);
}

TEST(RestProtocolTest, DigestsAreHexadecimal) {
  EXPECT_TRUE(parse_rest_digest(std::string(64, 'a')));
  for (const std::string& text : {std::string(), std::string(63, 'a'), std::string(64, 'g'),
                                  std::string(64, 'A'), std::string(65, '0')}) {
    EXPECT_FALSE(parse_rest_digest(text)) << text;
  }
}

}  // namespace
}  // namespace holdfast::storage
