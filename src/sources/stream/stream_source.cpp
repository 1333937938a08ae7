#include "sources/stream/stream_source.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "command_stream.hpp"
#include "interruptible_wait.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace holdfast::sources {
namespace {

/// Errors: invalid_input.
void require_absolute(const std::string& path) {
  if (path.starts_with('/') && path.size() > 1 && !path.ends_with('/')) return;
  throw base::Error(base::ErrorKind::invalid_input,
                    fmt::format("the name of a stream must be an absolute path, not '{}'",
                                base::printable(path)));
}

class FdStream final : public StreamSource {
public:
  FdStream(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  const std::string& path() const override { return path_; }

  std::size_t read(base::MutableBytes into, const std::stop_token& stopping) override {
    for (;;) {
      std::array<pollfd, 1> fds = {pollfd{fd_, POLLIN, 0}};
      wait_.wait(fds, stopping);
      const ssize_t got = ::read(fd_, into.data(), into.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR && errno != EAGAIN)
        throw base::system_error(errno, fmt::format("reading {}", base::printable(path_)));
    }
  }

  void finish() override {}

private:
  const int fd_;
  const std::string path_;
  InterruptibleWait wait_;
};

}  // namespace

std::unique_ptr<StreamSource> open_fd_stream(int fd, const std::string& path) {
  require_absolute(path);
  return std::make_unique<FdStream>(fd, path);
}

std::unique_ptr<StreamSource> open_command(const std::vector<std::string>& arguments,
                                           const std::string& path, base::Fd input) {
  require_absolute(path);
  return std::make_unique<CommandStream>(arguments, path, input);
}

}  // namespace holdfast::sources
