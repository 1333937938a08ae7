// An object is a file of the same name below the folder of the store. Two folders beside them are
// ours: uploads and claims (see claim.hpp).

#include "storage/webdav/webdav_backend.hpp"

#include "base/error.hpp"
#include "claim.hpp"
#include "webdav_client.hpp"
#include "webdav_files.hpp"
#include "webdav_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t listed_together = 16;
constexpr std::uint64_t object_size_max = std::uint64_t{1} << 42;
constexpr std::int64_t abandoned_after_seconds = 24 * 3600;

class WebdavBackend final : public Backend {
public:
  WebdavBackend(const Location& location, const WebdavOptions& options, WebdavContext context)
      : client_(location, options, std::move(context)) {}

  void open(WebdavOpen mode) {
    if (mode == WebdavOpen::create) make_root(client_);
    require_root(client_);
  }

  std::string describe() const override { return client_.store(); }

  std::unique_ptr<ObjectWriter> create(const std::string& name) override {
    check_name(name);
    abilities_.require_exclusive_create();
    return write_webdav_object(client_, name);
  }

  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    check_name(name);
    if (into.empty() || offset > object_size_max) {
      if (!stat(name)) throw_absent(name);
      return 0;
    }
    std::size_t done = 0;
    // Each attempt goes on where the one before it was cut.
    client_.retrier().run([&](int) { read_on(name, offset, into, done); });
    return done;
  }

  std::optional<ObjectInfo> stat(const std::string& name) override {
    check_name(name);
    const auto doing = "looking for " + name;
    const auto there = look_at(client_, name, doing);
    if (!there) require_root(client_);
    if (!there || there->is_folder) return std::nullopt;
    if (there->size) return ObjectInfo{name, *there->size};
    throw Error(ErrorKind::corrupt, fmt::format("{} in {}: the server does not say how large it is",
                                                doing, client_.store()));
  }

  void list(const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit) override {
    check_prefix(prefix);
    std::vector<std::string> level = {prefix};
    while (!level.empty()) {
      std::vector<std::string> below;
      for (std::size_t at = 0; at < level.size(); at += listed_together) {
        const auto end = std::min(level.size(), at + listed_together);
        const std::vector<std::string> paths(level.begin() + static_cast<std::ptrdiff_t>(at),
                                             level.begin() + static_cast<std::ptrdiff_t>(end));
        const auto folders = list_folders(client_, paths);
        for (std::size_t i = 0; i < paths.size(); ++i) {
          if (!folders[i] && paths[i] == prefix) require_root(client_);
          if (folders[i]) see_folder(paths[i], *folders[i], visit, below);
        }
      }
      level = std::move(below);
    }
  }

  RemoveOutcome remove(const std::string& name) override {
    check_name(name);
    const auto outcome = remove_path(client_, name, "removing " + name);
    if (outcome == RemoveOutcome::was_absent) require_root(client_);
    return outcome;
  }

  StoreStatus status() override {
    require_root(client_);
    const std::vector<std::string> paths = {uploads_folder};
    const auto folders = list_folders(client_, paths);
    return {std::nullopt, folders[0] ? folders[0]->server_time : std::nullopt};
  }

  unsigned transfers_max() const override { return net::transfers_at_once; }

  std::size_t remove_leftovers() override {
    require_root(client_);
    const std::vector<std::string> paths = {uploads_folder, claims_folder};
    const auto folders = list_folders(client_, paths);
    std::size_t removed = 0;
    for (std::size_t i = 0; i < paths.size(); ++i) {
      if (!folders[i] || !folders[i]->server_time) continue;
      for (const auto& item : folders[i]->items) {
        const bool is_old = item.modified && item.modified->seconds + abandoned_after_seconds <
                                                 folders[i]->server_time->seconds;
        if (!is_old) continue;
        const auto path = paths[i] + item.name + (item.is_folder ? "/" : "");
        if (remove_path(client_, path, "removing " + path) == RemoveOutcome::removed) ++removed;
      }
    }
    return removed;
  }

private:
  static void see_folder(const std::string& path, const Folder& folder,
                         const std::function<void(const ObjectInfo&)>& visit,
                         std::vector<std::string>& below) {
    for (const auto& item : folder.items) {
      const auto name = path + item.name;
      if (!is_object_name(name)) continue;
      if (item.is_folder) {
        below.push_back(name + "/");
      } else {
        visit({name, item.size});
      }
    }
  }

  [[noreturn]] void throw_absent(const std::string& name) {
    require_root(client_);
    throw Error(ErrorKind::not_found,
                fmt::format("reading {} in {}: there is no such object", name, client_.store()));
  }

  void read_on(const std::string& name, std::uint64_t offset, base::MutableBytes into,
               std::size_t& done) {
    const auto begin = offset + done;
    DavRequest request{.doing = "reading " + name, .path = name};
    request.into = into.subspan(done);
    if (request.into.empty()) return;
    const auto last = begin + request.into.size() - 1;
    request.headers = {{"Range", fmt::format("bytes={}-{}", begin, last)}};
    const auto transfer = client_.start(request);
    try {
      const auto response = client_.wait(*transfer, request,
                                         [](int status) { return status == 416 || status == 404; });
      if (response.status == 404) throw_absent(name);
      if (response.status == 416) return;  // nothing begins there
      check_range(request, response, begin);
      done += static_cast<std::size_t>(response.received);
    } catch (const Error& error) {
      if (error.retry() == base::Retry::later)
        done += static_cast<std::size_t>(transfer->received());
      throw;
    }
  }

  /// The bytes must be those that were asked for: a server may answer with the whole file.
  void check_range(const DavRequest& request, const net::HttpResponse& response,
                   std::uint64_t begin) const {
    const auto range = net::find_header(response.headers, "content-range").value_or("");
    const bool is_part =
        response.status == 206 && range.starts_with(fmt::format("bytes {}-", begin));
    if (is_part || (response.status == 200 && begin == 0)) return;
    throw Error(ErrorKind::unsupported,
                fmt::format("{} in {}: the server does not give the range that was asked for",
                            request.doing, client_.store()));
  }

  WebdavClient client_;
  WebdavAbilities abilities_{client_};
};

}  // namespace

std::unique_ptr<Backend> open_webdav(const Location& location, const WebdavOptions& options,
                                     WebdavContext context, WebdavOpen mode) {
  auto backend = std::make_unique<WebdavBackend>(location, options, std::move(context));
  backend->open(mode);
  return backend;
}

}  // namespace holdfast::storage
