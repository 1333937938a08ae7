#include "sources/stream/stream_source.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/temporary_directory.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <thread>

namespace holdfast::sources {
namespace {

using base::Error;
using base::ErrorKind;
using testing::HasSubstr;

std::string read_all(StreamSource& stream, const std::stop_token& stopping = {}) {
  std::string text;
  std::string piece(10'000, '\0');
  while (const std::size_t got = stream.read(std::as_writable_bytes(std::span(piece)), stopping))
    text.append(piece, 0, got);
  return text;
}

std::unique_ptr<StreamSource> shell(const std::string& script) {
  return open_command({"sh", "-c", script}, "/stdin/x");
}

Error error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ErrorKind::io, ""};
}

bool exists(pid_t process) { return ::kill(process, 0) == 0; }

TEST(CommandStream, ReadsWhatItIsGiven) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  base::Fd read_end(ends[0]);
  base::Fd write_end(ends[1]);
  base::write_all(write_end.get(), base::as_bytes("given"), "pipe");
  // Both ends would otherwise stay open in the command, and its input would have no end.
  ASSERT_EQ(::fcntl(write_end.get(), F_SETFD, FD_CLOEXEC), 0);
  const auto stream = open_command({"cat"}, "/stdin/x", std::move(read_end));
  write_end.reset();
  EXPECT_EQ(read_all(*stream), "given");
  stream->finish();
}

TEST(FdStream, ReadsToTheEnd) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const base::Fd read_end(ends[0]);
  std::jthread writer([end = ends[1]] {
    const base::Fd write_end(end);
    for (int i = 0; i < 100; ++i)
      base::write_all(write_end.get(), base::as_bytes(std::string(5000, 'x')), "pipe");
  });
  const auto stream = open_fd_stream(read_end.get(), "/stdin/dump.sql");
  EXPECT_EQ(stream->path(), "/stdin/dump.sql");
  EXPECT_EQ(read_all(*stream).size(), 500'000U);
  stream->finish();
}

TEST(FdStream, ReadsRegularFilesAndNonBlockingPipes) {
  const base::TemporaryDirectory directory;
  std::ofstream(directory.file("f")) << "text";
  const base::Fd file = base::open_file(directory.file("f"), O_RDONLY);
  EXPECT_EQ(read_all(*open_fd_stream(file.get(), "/x")), "text");

  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK), 0);
  const base::Fd read_end(ends[0]);
  std::jthread writer([end = ends[1]] {
    ::poll(nullptr, 0, 20);
    base::write_all(end, base::as_bytes("late"), "pipe");
    ::close(end);
  });
  EXPECT_EQ(read_all(*open_fd_stream(read_end.get(), "/x")), "late");
}

TEST(FdStream, AStopWakesAReadThatWaits) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const base::Fd read_end(ends[0]);
  const base::Fd write_end(ends[1]);
  std::stop_source stop;
  std::jthread stopper([&] {
    ::poll(nullptr, 0, 20);
    stop.request_stop();
  });
  const auto stream = open_fd_stream(read_end.get(), "/x");
  EXPECT_THROW(read_all(*stream, stop.get_token()), base::Cancelled);
}

TEST(Streams, NeedAnAbsoluteName) {
  for (const char* name : {"", "x", "/", "/x/"})
    EXPECT_EQ(error_of([&] { open_fd_stream(0, name); }).kind(), ErrorKind::invalid_input) << name;
}

TEST(Command, ItsOutputIsTheStream) {
  const auto stream = shell("head -c 1000000 /dev/zero; echo end");
  EXPECT_EQ(read_all(*stream).size(), 1'000'004U);
  stream->finish();
}

TEST(Command, ArgumentsAreNotSeenByAShell) {
  const auto stream = open_command({"printf", "%s|", "a b", "$HOME", "*", ""}, "/x");
  EXPECT_EQ(read_all(*stream), "a b|$HOME|*||");
  stream->finish();
}

TEST(Command, HasNothingOnItsInputAndNoneOfOurDescriptors) {
  const base::Fd inherited(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC on purpose
  const auto stream = shell("cat; ls /proc/self/fd | wc -l");
  EXPECT_EQ(read_all(*stream), "4\n");  // 0, 1, 2 and the directory itself
  stream->finish();
}

TEST(Command, ItsExitCodeDecidesAndItsLastWordsAreTold) {
  const auto stream = shell("echo part; echo 'cannot connect' >&2; exit 3");
  EXPECT_EQ(read_all(*stream), "part\n");
  const Error error = error_of([&] { stream->finish(); });
  EXPECT_EQ(error.kind(), ErrorKind::source_failed);
  EXPECT_STREQ(error.what(), "'sh' ended with exit code 3");
  EXPECT_THAT(error.hint(), HasSubstr("cannot connect"));
}

TEST(Command, ASignalIsAFailure) {
  const auto stream = shell("echo part; kill -KILL $$");
  read_all(*stream);
  EXPECT_THAT(error_of([&] { stream->finish(); }).what(), HasSubstr("signal 9"));
}

TEST(Command, OneThatDoesNotExistIsTold) {
  const Error error = error_of([] { open_command({"/nonexistent/tool"}, "/x"); });
  EXPECT_EQ(error.kind(), ErrorKind::source_failed);
  EXPECT_THAT(error.what(), HasSubstr("/nonexistent/tool"));
  EXPECT_EQ(error_of([] { open_command({}, "/x"); }).kind(), ErrorKind::invalid_input);
  EXPECT_EQ(error_of([] { open_command({std::string("a\0b", 3)}, "/x"); }).kind(),
            ErrorKind::invalid_input);
}

TEST(Command, MuchOnItsStandardErrorDoesNotBlockIt) {
  const base::Fd saved(::dup(STDERR_FILENO));
  const base::Fd null = base::open_file("/dev/null", O_WRONLY);
  ::dup2(null.get(), STDERR_FILENO);
  const auto stream = shell("head -c 300000 /dev/zero >&2; echo out; head -c 300000 /dev/zero >&2");
  const std::string text = read_all(*stream);
  ::dup2(saved.get(), STDERR_FILENO);
  EXPECT_EQ(text, "out\n");
  stream->finish();
}

TEST(Command, ClosingItsOutputEarlyIsNotTheEnd) {
  const auto stream = shell("echo out; exec >&-; sleep 0.05; exit 7");
  EXPECT_EQ(read_all(*stream), "out\n");
  EXPECT_THAT(error_of([&] { stream->finish(); }).what(), HasSubstr("exit code 7"));
}

TEST(Command, ACancelledOneIsEndedWithItsChildren) {
  auto stream = shell("sleep 1000 & echo $! $$; wait");
  std::string line(100, '\0');
  line.resize(stream->read(std::as_writable_bytes(std::span(line)), {}));
  pid_t child = 0;
  pid_t shell_process = 0;
  ASSERT_EQ(std::sscanf(line.c_str(), "%d %d", &child, &shell_process), 2);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(read_all(*stream, stop.get_token()), base::Cancelled);
  stream.reset();
  EXPECT_FALSE(exists(shell_process));
  // The grandchild is reaped by init: give it a moment.
  for (int i = 0; i < 200 && exists(child); ++i)
    ::poll(nullptr, 0, 10);
  std::ifstream status("/proc/" + std::to_string(child) + "/stat");
  std::string text;
  std::getline(status, text);
  EXPECT_TRUE(!exists(child) || text.find(") Z") != std::string::npos);
}

}  // namespace
}  // namespace holdfast::sources
