#pragma once

#include "base/bytes.hpp"
#include "base/fd.hpp"
#include "base/temporary_directory.hpp"
#include "sources/source.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <vector>

namespace holdfast::sources::test {

/// A path for one database.
class ScratchDatabase {
public:
  std::string path() const { return directory_.file("app.db"); }

private:
  base::TemporaryDirectory directory_;
};

/// An application that uses a database.
class Database {
public:
  explicit Database(const std::string& path) {
    sqlite3* opened = nullptr;
    const int code = sqlite3_open(path.c_str(), &opened);
    database_.reset(opened);
    if (code != SQLITE_OK) throw std::runtime_error(sqlite3_errstr(code));
    sqlite3_busy_timeout(opened, busy_timeout_ms);
  }
  static constexpr int busy_timeout_ms = 20'000;
  sqlite3* get() const { return database_.get(); }
  /// Without waiting for anybody, whatever comes of it.
  void try_run(const std::string& statements) {
    sqlite3_busy_timeout(get(), 0);
    sqlite3_exec(get(), statements.c_str(), nullptr, nullptr, nullptr);
    sqlite3_busy_timeout(get(), busy_timeout_ms);
  }
  void run(const std::string& statements) {
    if (sqlite3_exec(get(), statements.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
      throw std::runtime_error(statements + ": " + sqlite3_errmsg(get()));
  }
  /// The first column of the first row.
  std::string ask(const std::string& statement) {
    std::string answer;
    const auto take = [](void* into, int, char** values, char**) {
      if (values[0] != nullptr) *static_cast<std::string*>(into) = values[0];
      return 0;
    };
    if (sqlite3_exec(get(), statement.c_str(), take, &answer, nullptr) != SQLITE_OK)
      throw std::runtime_error(statement + ": " + sqlite3_errmsg(get()));
    return answer;
  }

private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
  };
  std::unique_ptr<sqlite3, Close> database_;
};

/// Keeps what was told.
struct Problems {
  std::vector<ItemProblem> told;
  ProblemSink sink() {
    return [this](ItemProblem problem) { told.push_back(std::move(problem)); };
  }
};

/// The whole database as the source gives it, in pieces of several sizes.
inline std::string pages_of(PagedSource& source) {
  std::string pages(source.page_count() * source.page_size(), '?');
  const auto all = std::as_writable_bytes(std::span(pages));
  std::uint64_t step = 1;
  for (std::uint64_t page = 0; page < source.page_count(); page += step) {
    step = step % 7 + 1;
    const auto count = std::min(step, source.page_count() - page);
    source.read_pages(page, all.subspan(page * source.page_size(), count * source.page_size()));
  }
  return pages;
}

/// All pages as SQLite's own pager sees them in the open transaction, or now.
inline std::string seen_by_sqlite(sqlite3* database) {
  sqlite3_int64 size = 0;
  const std::unique_ptr<unsigned char, void (*)(void*)> bytes(
      sqlite3_serialize(database, "main", &size, 0), sqlite3_free);
  if (!bytes) throw std::runtime_error("SQLite does not serialize");
  return {reinterpret_cast<const char*>(bytes.get()), static_cast<std::size_t>(size)};
}

inline std::string seen_by_sqlite(const std::string& path) {
  return seen_by_sqlite(Database(path).get());
}

/// Compares without printing megabytes.
inline testing::AssertionResult same_pages(const std::string& pages, const std::string& expected) {
  if (pages == expected) return testing::AssertionSuccess();
  const auto at = std::mismatch(pages.begin(), pages.end(), expected.begin(), expected.end()).first;
  return testing::AssertionFailure() << pages.size() << " bytes against " << expected.size()
                                     << ", different at " << at - pages.begin();
}

inline std::string integrity_of(const std::string& pages) {
  const base::TemporaryDirectory directory;
  const std::string path = directory.file("copy.db");
  {
    const base::Fd file = base::open_file(path, O_WRONLY | O_CREAT, 0600);
    base::write_all(file.get(), base::as_bytes(pages), path);
  }
  return Database(path).ask("PRAGMA integrity_check");
}

inline void copy(const std::string& from, const std::string& to) {
  const base::Bytes bytes = base::read_file(from, 1 << 28);
  const base::Fd file = base::open_file(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  base::write_all(file.get(), bytes, to);
}

/// Another process. It is forked before this one opens the database: SQLite's memory of open files
/// would be inherited, and wrong. Starts when told to.
class OtherProcess {
public:
  explicit OtherProcess(const std::function<void()>& work) {
    if (::pipe(go_) != 0) throw std::runtime_error("no pipe");
    process_ = ::fork();
    if (process_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    char byte;
    ::close(go_[1]);
    if (::read(go_[0], &byte, 1) != 1) ::_exit(0);
    try {
      work();
    } catch (const std::exception& error) {
      fprintf(stderr, "other process: %s\n", error.what());
      ::_exit(1);
    }
    ::_exit(0);
  }
  ~OtherProcess() {
    end();
    for (const int fd : go_)
      ::close(fd);
  }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;

  void start() { ASSERT_EQ(::write(go_[1], "g", 1), 1); }
  /// Its exit code, once it ended by itself.
  int join() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void end() {
    if (process_ < 0) return;
    ::kill(process_, SIGKILL);
    join();
  }

private:
  int go_[2];
  pid_t process_;
};

}  // namespace holdfast::sources::test
