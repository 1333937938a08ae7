#include "posix_acl.hpp"

#include "base/little_endian.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::archive {
namespace {

using Tag = AclEntry::Tag;

base::Bytes encode(std::uint32_t version, const std::vector<AclEntry>& entries) {
  base::Bytes bytes;
  base::put_le(bytes, version);
  for (const auto& entry : entries) {
    base::put_le(bytes, static_cast<std::uint16_t>(entry.tag));
    base::put_le(bytes, entry.permissions);
    base::put_le(bytes, entry.id);
  }
  return bytes;
}

TEST(PosixAcl, IsReadAsTheKernelGivesIt) {
  const std::vector<AclEntry> entries = {{Tag::owner, 6, ~0U},
                                         {Tag::user, 4, 1000},
                                         {Tag::owning_group, 4, ~0U},
                                         {Tag::mask, 7, ~0U},
                                         {Tag::other, 0, ~0U}};
  EXPECT_EQ(parse_posix_acl(encode(2, entries)), entries);
}

TEST(PosixAcl, WhatIsNoneIsNotTakenForOne) {
  EXPECT_FALSE(parse_posix_acl({}));
  EXPECT_FALSE(parse_posix_acl(encode(3, {})));
  EXPECT_FALSE(parse_posix_acl(encode(2, {{static_cast<Tag>(3), 4, 0}})));
  EXPECT_FALSE(parse_posix_acl(encode(2, {{Tag::owner, 8, 0}})));
  auto cut = encode(2, {{Tag::owner, 6, ~0U}});
  cut.pop_back();
  EXPECT_FALSE(parse_posix_acl(cut));
}

}  // namespace
}  // namespace holdfast::archive
