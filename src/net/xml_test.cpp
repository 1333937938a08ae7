#include "net/xml.hpp"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::net {
namespace {

TEST(Xml, FindsElementsWhateverTheirPrefix) {
  const XmlDocument document(base::as_bytes(
      "<?xml version=\"1.0\"?><D:all xmlns:D=\"DAV:\"><x:one>1</x:one><two>2&lt;</two>"
      "<D:one>3</D:one></D:all>"));
  ASSERT_TRUE(document.is_whole());
  const auto root = document.root("all");
  ASSERT_TRUE(root);
  const auto one = root.child("one");
  EXPECT_EQ(one.text(), "1");
  EXPECT_EQ(one.next("one").text(), "3");
  EXPECT_FALSE(one.next("one").next("one"));
  EXPECT_EQ(root.child("two").text(), "2<");
  EXPECT_FALSE(root.child("three"));
  EXPECT_EQ(root.child("three").child("four").text(), "");
  EXPECT_FALSE(document.root("other"));
}

TEST(Xml, WhatIsNoDocumentIsSaid) {
  for (const char* text : {"", "no", "<a><b></a>", "<a>", "<a/><b"}) {
    EXPECT_FALSE(XmlDocument(base::as_bytes(text)).is_whole()) << text;
  }
}

TEST(Xml, DeepDocumentsDoNoHarm) {
  std::string deep;
  for (int i = 0; i < 200'000; ++i)
    deep += "<a>";
  const XmlDocument document(base::as_bytes(deep));
  EXPECT_FALSE(document.is_whole());
  EXPECT_TRUE(document.root("a"));
}

}  // namespace
}  // namespace holdfast::net
