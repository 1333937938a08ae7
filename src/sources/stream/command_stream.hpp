#pragma once

#include "base/fd.hpp"
#include "interruptible_wait.hpp"
#include "last_words.hpp"
#include "sources/source.hpp"

#include <string>
#include <sys/types.h>
#include <vector>

namespace holdfast::sources {

/// The output of a command in a process group of its own. Dropped early, the whole group is ended:
/// SIGTERM first, SIGKILL after a grace.
class CommandStream final : public StreamSource {
public:
  CommandStream(const std::vector<std::string>& arguments, std::string path, const base::Fd& input);
  ~CommandStream() override;
  CommandStream(const CommandStream&) = delete;
  CommandStream& operator=(const CommandStream&) = delete;

  const std::string& path() const override { return path_; }
  std::size_t read(base::MutableBytes into, const std::stop_token& stopping) override;
  void finish() override;

private:
  void start(const std::vector<std::string>& arguments, const base::Fd& input);
  void await_exit(const std::stop_token& stopping);
  void pass_on_errors();
  void reap();
  void end_group() noexcept;

  const std::string path_;
  std::string command_;  // for messages
  pid_t process_ = -1;   // -1 once reaped
  base::Fd process_handle_;
  base::Fd output_;
  base::Fd errors_;
  int wait_status_ = 0;
  InterruptibleWait wait_;
  LastWords last_words_;
};

}  // namespace holdfast::sources
