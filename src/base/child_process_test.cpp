#include "base/child_process.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <sys/wait.h>

namespace holdfast::base {
namespace {

struct Finished {
  std::string output;
  int status = 0;
};

Finished run(const std::vector<std::string>& arguments, int input = -1) {
  auto output = make_pipe();
  const auto process = start_process(arguments, input, output.write_end.get(), STDERR_FILENO);
  output.write_end.reset();
  Finished finished;
  std::array<char, 256> buffer{};
  for (ssize_t got = 0; (got = ::read(output.read_end.get(), buffer.data(), buffer.size())) > 0;)
    finished.output.append(buffer.data(), static_cast<std::size_t>(got));
  ::waitpid(process, &finished.status, 0);
  return finished;
}

TEST(ChildProcess, HasItsArgumentsAndNothingToRead) {
  const auto finished = run({"sh", "-c", "cat; printf '%s|' \"$@\"; exit 3", "sh", "a b", ""});
  EXPECT_EQ(finished.output, "a b||");
  EXPECT_EQ(WEXITSTATUS(finished.status), 3);
}

TEST(ChildProcess, InheritsNoOtherDescriptorAndNoSignals) {
  const auto other = make_pipe();
  const int kept_open = ::dup(other.read_end.get());  // without O_CLOEXEC
  ASSERT_GE(kept_open, 0);
  const Fd owner(kept_open);
  const auto old = ::signal(SIGPIPE, SIG_IGN);
  const auto finished = run({"sh", "-c", "ls /proc/self/fd | wc -l; kill -PIPE $$; echo ignored"});
  ::signal(SIGPIPE, old);
  EXPECT_EQ(finished.output, "4\n") << "ls itself opens the fourth";
  EXPECT_TRUE(WIFSIGNALED(finished.status) && WTERMSIG(finished.status) == SIGPIPE);
}

TEST(ChildProcess, LeadsAGroupOfItsOwn) {
  const auto finished = run({"sh", "-c", "ps -o pgid= -p $$ | tr -d ' '; echo $$"});
  const auto end = finished.output.find('\n');
  EXPECT_EQ(finished.output.substr(0, end + 1), finished.output.substr(end + 1));
}

TEST(ChildProcess, ANameThatIsNoProgramIsNamed) {
  try {
    run({"/no/such/program"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
    EXPECT_NE(std::string(error.what()).find("/no/such/program"), std::string::npos);
  }
}

}  // namespace
}  // namespace holdfast::base
