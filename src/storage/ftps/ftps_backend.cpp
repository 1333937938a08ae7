// An object is a file of the same name below the folder of the store. What begins with a dot there
// is ours and no object (see ftps_writer.cpp).

#include "storage/ftps/ftps_backend.hpp"

#include "base/task_group.hpp"
#include "ftps_client.hpp"
#include "ftps_files.hpp"
#include "ftps_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::uint64_t object_size_max = std::uint64_t{1} << 42;
constexpr std::int64_t abandoned_after_seconds = 24 * 3600;
constexpr const char* listing_doing = "listing objects";
constexpr const char* cleaning_doing = "removing what dead writers left";

bool is_object_name(const std::string& name) {
  try {
    check_name(name);
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid_input) throw;
    return false;
  }
}

class FtpsBackend final : public Backend {
public:
  FtpsBackend(const Location& location, base::Secret password, const FtpsOptions& options,
              FtpsContext context)
      : connections_max_(options.connections_max),
        client_(location, std::move(password), options, std::move(context)) {}

  void open(FtpsOpen mode) {
    if (mode == FtpsOpen::create && !client_.root().empty()) {
      make_folders(client_, client_.root(), "making the folder");
    }
    require_root(client_);
  }

  std::string describe() const override { return client_.store(); }

  std::unique_ptr<ObjectWriter> create(const std::string& name) override {
    check_name(name);
    abilities_.require_exclusive_create();
    return write_ftps_object(client_, name);
  }

  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    const auto path = path_of(name);
    const auto doing = "reading " + name;
    if (into.empty() || offset > object_size_max) {
      if (!look_for(client_, path, doing)) throw_absent(name);
      return 0;
    }
    std::size_t done = 0;
    const auto reply = client_.use(
        doing,
        [&](net::FtpSession& session, int) { return read_on(session, path, offset, into, done); },
        path, offset);
    if (reply.is_success()) return done;
    const auto size = look_for(client_, path, doing);
    if (!size) throw_absent(name);
    if (offset >= *size) return 0;
    throw client_.error_of(reply, doing);
  }

  std::optional<ObjectInfo> stat(const std::string& name) override {
    const auto size = look_for(client_, path_of(name), "looking for " + name);
    if (!size) return std::nullopt;
    return ObjectInfo{name, *size};
  }

  void list(const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit) override {
    check_prefix(prefix);
    require_root(client_);
    std::vector<std::string> level = {prefix};
    while (!level.empty()) {
      const auto folders = list_folders(level);
      std::vector<std::string> below;
      for (std::size_t i = 0; i < level.size(); ++i) {
        if (folders[i]) see_folder(level[i], *folders[i], visit, below);
      }
      level = std::move(below);
    }
  }

  RemoveOutcome remove(const std::string& name) override {
    return remove_file(client_, path_of(name), "removing " + name);
  }

  unsigned transfers_max() const override { return static_cast<unsigned>(connections_max_); }

  std::size_t remove_leftovers() override {
    require_root(client_);
    const auto uploads = uploads_folder(client_);
    const auto claims = claims_folder(client_);
    if (!is_folder(client_, uploads, cleaning_doing)) return 0;
    const auto now = time_of_server();
    return remove_old_in(uploads, now) + remove_old_in(claims, now);
  }

private:
  std::string path_of(const std::string& name) const {
    check_name(name);
    return client_.root() + "/" + name;
  }

  [[noreturn]] void throw_absent(const std::string& name) const {
    throw Error(ErrorKind::not_found,
                fmt::format("reading {} in {}: there is no such object", name, client_.store()));
  }

  static net::FtpReply read_on(net::FtpSession& session, const std::string& path,
                               std::uint64_t offset, base::MutableBytes into, std::size_t& done) {
    std::size_t count = 0;
    try {
      const auto reply = session.receive(path, offset + done, into.subspan(done), count);
      done += count;
      return reply;
    } catch (const Error&) {
      done += count;  // the next attempt goes on there
      throw;
    }
  }

  /// Of each, what it holds; nothing when it is gone. Several are asked for at once.
  std::vector<std::optional<std::vector<ListedEntry>>> list_folders(
      const std::vector<std::string>& prefixes) {
    std::vector<std::optional<std::vector<ListedEntry>>> folders(prefixes.size());
    std::atomic<std::size_t> next = 0;
    const auto work = [&](const std::stop_token& stopping) {
      for (auto i = next++; i < prefixes.size() && !stopping.stop_requested(); i = next++) {
        auto path = client_.root() + "/" + prefixes[i];
        path.pop_back();
        folders[i] = list_folder(client_, path, listing_doing);
      }
    };
    base::TaskGroup group;
    const auto helpers = std::min(connections_max_, prefixes.size()) - 1;
    for (std::size_t i = 0; i < helpers; ++i)
      group.spawn(work);
    work(group.token());
    group.join();
    return folders;
  }

  static void see_folder(const std::string& prefix, const std::vector<ListedEntry>& entries,
                         const std::function<void(const ObjectInfo&)>& visit,
                         std::vector<std::string>& below) {
    for (const auto& entry : entries) {
      const auto name = prefix + entry.name;
      if (!is_object_name(name)) continue;
      if (entry.is_folder) {
        below.push_back(name + "/");
      } else {
        visit({name, entry.size});
      }
    }
  }

  /// The time of a file that is made now; nothing when the server keeps none.
  std::optional<std::int64_t> time_of_server() {
    const auto probe = uploads_folder(client_) + "/" + client_.make_mark();
    write_file(client_, probe, {}, cleaning_doing);
    const auto now = modified_at(client_, probe, cleaning_doing);
    remove_file(client_, probe, cleaning_doing);
    return now;
  }

  bool is_old(const std::string& file, std::optional<std::int64_t> now) {
    const auto modified = modified_at(client_, file, cleaning_doing);
    return now && modified && *modified + abandoned_after_seconds < *now;
  }

  /// What old uploads and claims leave in `folder`: files, and folders of one file or none.
  std::size_t remove_old_in(const std::string& folder, std::optional<std::int64_t> now) {
    std::size_t removed = 0;
    const auto remove_if_old = [&](const std::string& file) {
      if (!is_old(file, now)) return;
      if (remove_file(client_, file, cleaning_doing) == RemoveOutcome::removed) ++removed;
    };
    const auto entries = list_folder(client_, folder, cleaning_doing);
    if (!entries) return 0;
    for (const auto& entry : *entries) {
      const auto path = folder + "/" + entry.name;
      if (!entry.is_folder) {
        remove_if_old(path);
        continue;
      }
      const auto held = list_folder(client_, path, cleaning_doing);
      if (!held) continue;
      for (const auto& file : *held)
        remove_if_old(path + "/" + file.name);
      // Refused while something is in it; a writer whose folder is still empty makes it again.
      try_to_remove_folder(client_, path, cleaning_doing);
    }
    return removed;
  }

  const std::size_t connections_max_;
  FtpsClient client_;
  FtpsAbilities abilities_{client_};
};

}  // namespace

std::unique_ptr<Backend> open_ftps(const Location& location, base::Secret password,
                                   const FtpsOptions& options, FtpsContext context, FtpsOpen mode) {
  auto backend =
      std::make_unique<FtpsBackend>(location, std::move(password), options, std::move(context));
  backend->open(mode);
  return backend;
}

}  // namespace holdfast::storage
