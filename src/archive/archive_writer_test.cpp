#include "archive_writer.hpp"

#include "base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace holdfast::archive {
namespace {

sources::Entry file_of(std::uint64_t size) {
  sources::Entry entry;
  entry.mode = 0644;
  entry.size = size;
  entry.mtime_seconds = 1'600'000'000;
  entry.mtime_nanoseconds = 123'456'789;
  return entry;
}

std::string archive_of(Format format, const std::function<void(ArchiveWriter&)>& fill) {
  std::string made;
  ArchiveWriter writer(format, [&](base::ByteView bytes) { made += base::as_text(bytes); });
  fill(writer);
  writer.finish();
  EXPECT_EQ(writer.bytes_given(), made.size());
  return made;
}

TEST(ArchiveWriter, TarHasNanosecondsAndBytesOfNames) {
  const auto made = archive_of(Format::tar, [](ArchiveWriter& writer) {
    writer.begin("caf\xc3\xa9", file_of(5));
    writer.write(base::as_bytes("hello"));
    writer.begin("caf\xe9", file_of(0));
  });
  EXPECT_THAT(made, ::testing::HasSubstr("mtime=1600000000.123456789"));
  EXPECT_THAT(made, ::testing::HasSubstr("path=caf\xc3\xa9\n"));
  EXPECT_THAT(made, ::testing::HasSubstr("path=caf\xe9\n"));
}

TEST(ArchiveWriter, TimesBeforeTheEpochAreDecimalNumbers) {
  const auto made = archive_of(Format::tar, [](ArchiveWriter& writer) {
    auto entry = file_of(0);
    entry.mtime_seconds = -2;
    entry.mtime_nanoseconds = 250'000'000;
    writer.begin("a", entry);
  });
  EXPECT_THAT(made, ::testing::HasSubstr("mtime=-1.75"));
}

TEST(ArchiveWriter, TheSameEntriesGiveTheSameBytes) {
  const auto fill = [](ArchiveWriter& writer) {
    writer.begin("a", file_of(1));
    writer.write(base::as_bytes("x"));
    writer.link("b", file_of(1), "a");
  };
  for (const auto format : {Format::tar, Format::tar_zst})
    EXPECT_EQ(archive_of(format, fill), archive_of(format, fill));
}

TEST(ArchiveWriter, MoreThanTheSizeIsAnError) {
  EXPECT_THROW(archive_of(Format::tar,
                          [](ArchiveWriter& writer) {
                            writer.begin("a", file_of(1));
                            writer.write(base::as_bytes("more than that"));
                          }),
               base::Error);
}

TEST(ArchiveWriter, WhatTheSinkThrowsArrives) {
  ArchiveWriter writer(Format::tar, [](base::ByteView) { throw std::runtime_error("full"); });
  EXPECT_THROW(
      {
        writer.begin("a", file_of(1 << 20));
        writer.write(base::Bytes(1 << 20));
        writer.finish();
      },
      std::runtime_error);
}

TEST(ArchiveWriter, AnArchiveThatWasNotFinishedHasNoEnd) {
  std::string made;
  {
    ArchiveWriter writer(Format::zip, [&](base::ByteView bytes) { made += base::as_text(bytes); });
    writer.begin("a", file_of(0));
  }
  EXPECT_THAT(made, ::testing::Not(::testing::HasSubstr("PK\x05\x06")));
}

TEST(ArchiveWriter, FormatsSayWhatTheyCannotHold) {
  using sources::EntryKind;
  EXPECT_EQ(why_left_out(Format::tar, EntryKind::fifo), "");
  EXPECT_NE(why_left_out(Format::tar, EntryKind::socket), "");
  EXPECT_NE(why_left_out(Format::zip, EntryKind::char_device), "");
  EXPECT_EQ(why_left_out(Format::zip, EntryKind::symlink), "");
}

}  // namespace
}  // namespace holdfast::archive
