#include "base/fd.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "base/temporary_directory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <utility>

namespace holdfast::base {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

TEST(Fd, ClosesWhenDroppedOrReplaced) {
  auto first = open_file("/dev/null", O_RDONLY);
  const int number = first.get();
  EXPECT_NE(::fcntl(number, F_GETFD) & FD_CLOEXEC, 0);
  Fd second(std::move(first));
  EXPECT_TRUE(is_open(number));
  second = Fd();
  EXPECT_FALSE(is_open(number));
  EXPECT_FALSE(second);
}

TEST(OpenFile, NamesThePath) {
  try {
    open_file("/nope/nothing", O_RDONLY);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
    EXPECT_STREQ(error.what(), "opening /nope/nothing: No such file or directory");
  }
}

TEST(Files, ComeBackByOffset) {
  const TemporaryDirectory directory;
  const auto path = directory.file("a");
  const auto file = open_file(path, O_RDWR | O_CREAT, 0600);
  write_all(file.get(), as_bytes("hello world"), path);
  write_at(file.get(), 6, as_bytes("there"), path);
  sync_file(file.get(), path);
  Bytes bytes(100);
  EXPECT_EQ(read_at(file.get(), 6, bytes, path), 5U);
  EXPECT_EQ(as_text(ByteView(bytes).first(5)), "there");
  EXPECT_EQ(read_at(file.get(), 50, bytes, path), 0U);
}

TEST(Files, PassThroughAPipeInPieces) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  const Bytes sent(1'000'000, std::byte{7});  // more than a pipe holds: writes are short
  Bytes received;
  TaskGroup group;
  group.spawn([&](const std::stop_token&) {
    write_all(writer.get(), sent, "pipe");
    writer.reset();
  });
  Bytes piece(4096);
  while (const auto got = read_some(reader.get(), piece, "pipe")) {
    append(received, ByteView(piece).first(got));
  }
  group.join();
  EXPECT_EQ(received, sent);
}

TEST(Files, ReportWhatCannotBeWritten) {
  const auto full = open_file("/dev/full", O_WRONLY);
  try {
    write_all(full.get(), as_bytes("x"), "/dev/full");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::no_space);
    EXPECT_STREQ(error.what(), "writing /dev/full: No space left on device");
  }
  EXPECT_THROW(sync_file(-1, "nothing"), Error);
  Bytes byte(1);
  EXPECT_THROW(read_at(-1, 0, byte, "nothing"), Error);
  EXPECT_THROW(write_at(full.get(), 0, byte, "/dev/full"), Error);
}

TEST(ReadFile, ReadsWholeFilesUpToTheLimit) {
  const TemporaryDirectory directory;
  const auto path = directory.file("a");
  for (const std::size_t size : {0, 1, 4095, 4096, 4097, 100'000}) {
    const Bytes bytes(size, std::byte{'x'});
    const auto file = open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    write_all(file.get(), bytes, path);
    EXPECT_EQ(read_file(path, size), bytes);
    if (size == 0) continue;
    try {
      read_file(path, size - 1);
      ADD_FAILURE() << size;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    }
  }
}

TEST(ReadFile, ReadsFilesThatSayTheyAreEmpty) {
  EXPECT_FALSE(read_file("/proc/self/status", 1 << 20).empty());
}

TEST(MappedFile, ShowsTheFile) {
  const TemporaryDirectory directory;
  const auto path = directory.file("a");
  const auto file = open_file(path, O_WRONLY | O_CREAT, 0600);
  EXPECT_TRUE(MappedFile::open(path).view().empty());
  write_all(file.get(), as_bytes("mapped"), path);
  auto first = MappedFile::open(path);
  MappedFile second(std::move(first));
  MappedFile third;
  third = std::move(second);
  EXPECT_EQ(as_text(third.view()), "mapped");
  EXPECT_THROW(MappedFile::open(directory.file("b")), Error);
}

}  // namespace
}  // namespace holdfast::base
