#define FUSE_USE_VERSION 312

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/task_group.hpp"
#include "base/units.hpp"
#include "file_tree.hpp"
#include "mount/mount.hpp"
#include "operations.hpp"
#include "read_ahead.hpp"
#include "repository/chunk_reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <sys/eventfd.h>
#include <thread>

namespace holdfast::mount {

namespace {

using base::Error;
using base::ErrorKind;

constexpr unsigned threads_min = 2;
constexpr unsigned threads_max = 16;

/// Readable once it was asked to stop; wakes all who poll it.
class Wake {
public:
  explicit Wake(const std::stop_token& stopping)
      : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), link_(stopping, [this] { wake(); }) {
    if (!event_) throw base::system_error(errno, "preparing to wait for the kernel");
  }
  int fd() const { return event_.get(); }

private:
  void wake() const noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
  }

  base::Fd event_;
  std::stop_callback<std::function<void()>> link_;
};

/// The mount: there while this lives.
class Session {
public:
  Session(const MountRequest& request, Operations& operations) {
    auto options = std::string("ro,fsname=holdfast,subtype=holdfast");
    if (request.allow_other) options += ",allow_other,default_permissions";
    std::array<std::string, 3> words = {"holdfast", "-o", options};
    std::array<char*, 3> arguments = {words[0].data(), words[1].data(), words[2].data()};
    fuse_args list = FUSE_ARGS_INIT(static_cast<int>(arguments.size()), arguments.data());
    const auto& table = operations_table();
    session_.reset(::fuse_session_new(&list, &table, sizeof table, &operations));
    ::fuse_opt_free_args(&list);
    if (!session_ || ::fuse_session_mount(session_.get(), request.directory.c_str()) != 0) {
      throw Error(ErrorKind::invalid_input,
                  fmt::format("cannot mount at {}", base::printable(request.directory)))
          .set_hint(
              "it takes /dev/fuse, the Debian package fuse3 for who is not root, and "
              "user_allow_other in /etc/fuse.conf for --allow-other");
    }
    mounted_ = true;
    const int fd = ::fuse_session_fd(session_.get());
    if (::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
      throw base::system_error(errno, "preparing the connection with the kernel");
  }
  ~Session() {
    if (mounted_) ::fuse_session_unmount(session_.get());
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Answers until it is unmounted or `wake` is readable.
  void work(const Wake& wake) {
    fuse_buf buffer{};
    while (::fuse_session_exited(session_.get()) == 0) {
      std::array<pollfd, 2> ready{
          {{::fuse_session_fd(session_.get()), POLLIN, 0}, {wake.fd(), POLLIN, 0}}};
      if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) break;
      if (ready[1].revents != 0) break;
      const int got = ::fuse_session_receive_buf(session_.get(), &buffer);
      if (got == -EINTR || got == -EAGAIN) continue;
      if (got <= 0) break;
      ::fuse_session_process_buf(session_.get(), &buffer);
    }
    std::free(buffer.mem);
  }

private:
  struct Destroy {
    void operator()(fuse_session* session) const { ::fuse_session_destroy(session); }
  };
  std::unique_ptr<fuse_session, Destroy> session_;
  bool mounted_ = false;
};

unsigned thread_count(unsigned wanted) {
  if (wanted == 0) wanted = std::max(threads_min, std::thread::hardware_concurrency());
  return std::clamp(wanted, 1U, threads_max);
}

void check_directory(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0)
    throw base::system_error(errno, "looking at " + base::printable(path))
        .set_hint("make an empty directory to mount at");
  if (!S_ISDIR(status.st_mode))
    throw Error(ErrorKind::invalid_input, base::printable(path) + " is not a directory");
}

}  // namespace

void serve(repository::Repository& repository, const MountRequest& request, base::Random& random,
           const std::function<void()>& ready, base::ProgressObserver& observer,
           const std::stop_token& stopping) {
  check_directory(request.directory);
  repository.index();  // before anybody can look
  repository::ChunkReader chunks(repository, request.cache_bytes);
  FileTree tree(request, chunks, random, ::getuid(), ::getgid());
  ReadAhead ahead(chunks);
  Operations operations{repository, chunks, tree, ahead, observer, request.allow_other};
  Session session(request, operations);
  ready();
  base::TaskGroup group(stopping);
  const Wake wake(group.token());
  for (unsigned i = 0; i < thread_count(request.threads); ++i)
    group.spawn([&](const std::stop_token&) { session.work(wake); });
  group.join();
}

}  // namespace holdfast::mount
