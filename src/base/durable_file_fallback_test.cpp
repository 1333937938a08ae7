#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/temporary_directory.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <vector>

// File systems differ in what they can. A child process is denied the calls that some of them lack,
// so that the fallbacks run on any machine.

namespace holdfast::base {
namespace {

using Existing = DurableFile::Existing;
using Outcome = DurableFile::Outcome;

struct Denied {
  std::uint32_t call;
  std::uint32_t code;
};

/// For the rest of this process each denied call fails with its code.
bool deny(const std::vector<Denied>& calls) {
  std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
  };
  for (const auto& denied : calls) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, denied.call, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | denied.code));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

constexpr Denied no_rename_without_replacing{SYS_renameat2, EINVAL};
#ifdef SYS_link
constexpr Denied no_link{SYS_link, EPERM};
#else
constexpr Denied no_link{SYS_linkat, EPERM};
#endif
constexpr Denied no_flock{SYS_flock, EOPNOTSUPP};

/// Whether `holds` in a process that is denied `calls`.
bool holds_without(const std::vector<Denied>& calls, const std::function<bool()>& holds) {
  const auto child = ::fork();
  if (child == 0) {
    bool held = false;
    try {
      held = deny(calls) && holds();
    } catch (const std::exception& failure) {
      ADD_FAILURE() << failure.what();
    }
    ::_exit(held ? 0 : 1);
  }
  int status = -1;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

Outcome store(const std::string& path, std::string_view text) {
  DurableFile file(path, 0600);
  file.append(as_bytes(text));
  return file.commit(Existing::keep);
}

/// The first of two writers stores, the second learns of it, and nothing else is left.
bool keeps_the_first(const TemporaryDirectory& directory) {
  const auto path = directory.file("object");
  const bool first_stored = store(path, "first") == Outcome::stored;
  const bool second_did_not = store(path, "second") == Outcome::already_there;
  const bool is_alone = std::distance(std::filesystem::directory_iterator(directory.path()),
                                      std::filesystem::directory_iterator()) == 1;
  return first_stored && second_did_not && is_alone && as_text(read_file(path, 100)) == "first";
}

/// The kind with which storing fails, if it leaves nothing behind.
ErrorKind failure_to_store(const TemporaryDirectory& directory) {
  try {
    store(directory.file("object"), "text");
  } catch (const Error& error) {
    if (std::filesystem::is_empty(directory.path())) return error.kind();
  }
  return ErrorKind{};
}

TEST(DurableFileFallback, LinksWhereRenameAlwaysReplaces) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(
      holds_without({no_rename_without_replacing}, [&] { return keeps_the_first(directory); }));
}

TEST(DurableFileFallback, WritersTakeTurnsWhereNothingIsAtomic) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(holds_without({no_rename_without_replacing, no_link},
                            [&] { return keeps_the_first(directory); }));
}

TEST(DurableFileFallback, RefusesWhereWritersCannotBeToldApart) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(holds_without({no_rename_without_replacing, no_link, no_flock},
                            [&] { return failure_to_store(directory) == ErrorKind::unsupported; }));
}

TEST(DurableFileFallback, WithoutLocksNothingIsTakenForAbandoned) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(holds_without({no_flock}, [&] {
    {
      const DurableFile alive(directory.file("other"), 0600);
      if (remove_abandoned_files(directory.path()) != 0) return false;
    }
    return keeps_the_first(directory);
  }));
}

TEST(DurableFileFallback, AFailedSyncStoresNothing) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(holds_without({{SYS_fsync, EIO}},
                            [&] { return failure_to_store(directory) == ErrorKind::io; }));
}

TEST(DurableFileFallback, ACacheIsStoredWithoutASync) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(holds_without({{SYS_fsync, EIO}, {SYS_fdatasync, EIO}}, [&] {
    const auto path = directory.file("cache");
    write_cache(path, as_bytes("old"), 0600);
    write_cache(path, as_bytes("new"), 0600);
    return as_text(read_file(path, 100)) == "new";
  }));
}

TEST(DurableFileFallback, AFullDiskIsNamed) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(holds_without({{SYS_write, ENOSPC}},
                            [&] { return failure_to_store(directory) == ErrorKind::no_space; }));
}

TEST(DurableFileFallback, ADirectoryThatCannotBeSyncedIsGoodEnough) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(holds_without({{SYS_fsync, EINVAL}}, [&] {
    sync_directory(directory.path());
    return true;
  }));
}

}  // namespace
}  // namespace holdfast::base
