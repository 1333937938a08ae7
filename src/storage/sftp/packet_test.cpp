#include "packet.hpp"

#include "base/error.hpp"
#include "connection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

using ::testing::HasSubstr;

TEST(SftpPacket, FieldsComeBackBigEndian) {
  PacketWriter writer;
  writer.u8(7).u32(0x01020304).u64(0x0102030405060708).text("abc");
  EXPECT_EQ(base::to_hex(writer.view()),
            "07010203040102030405060708"
            "00000003616263");
  PacketReader reader(writer.view());
  EXPECT_EQ(reader.u8(), 7);
  EXPECT_EQ(reader.u32(), 0x01020304U);
  EXPECT_EQ(reader.u64(), 0x0102030405060708U);
  EXPECT_EQ(reader.text(), "abc");
  EXPECT_EQ(reader.left(), 0U);
}

TEST(SftpPacket, WhatEndsTooEarlyIsRefused) {
  PacketWriter writer;
  writer.u32(5).u32(1);
  PacketReader reader(writer.view());
  EXPECT_THROW(reader.bytes(), base::Error) << "five bytes are promised and four are there";
}

TEST(SftpPacket, AttributesInAnyCombination) {
  PacketWriter writer;
  writer.u32(1 | 2 | 4 | 8 | 0x80000000);
  writer.u64(99).u32(1).u32(2).u32(0100644).u32(10).u32(20).u32(1).text("a").text("b");
  writer.u32(0);
  PacketReader reader(writer.view());
  const auto all = read_attributes(reader);
  EXPECT_EQ(all.size, 99U);
  EXPECT_EQ(all.mtime, 20U);
  EXPECT_TRUE(all.is_regular());
  EXPECT_FALSE(all.is_directory());
  const auto none = read_attributes(reader);
  EXPECT_FALSE(none.size || none.mode || none.mtime || none.is_regular());
}

TEST(SftpPacket, ANewerVersionIsSaid) {
  PacketWriter writer;
  writer.u32(4);
  PacketReader reader(writer.view());
  try {
    read_version(reader);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::unsupported);
  }
}

TEST(SshFailure, LastWordsAreExplained) {
  const auto changed = explain_ssh_failure("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @");
  EXPECT_EQ(changed.layer, base::Layer::trust);
  EXPECT_TRUE(changed.is_final());
  EXPECT_THAT(changed.hint, HasSubstr("another one than before"));
  EXPECT_EQ(explain_ssh_failure("ssh: Could not resolve hostname x").layer, base::Layer::name);
  EXPECT_EQ(explain_ssh_failure("root@x: Permission denied (publickey).").layer,
            base::Layer::login);
}

}  // namespace
}  // namespace holdfast::storage
