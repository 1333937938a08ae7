#include "webdav_files.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t folder_size_max = 64UL * 1024 * 1024;
constexpr std::size_t folder_entries_max = 200'000;

constexpr std::string_view wanted =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
    "<D:propfind xmlns:D=\"DAV:\"><D:prop><D:resourcetype/><D:getcontentlength/>"
    "<D:getlastmodified/></D:prop></D:propfind>";

bool is_absent(int status) { return status == 404 || status == 410; }

DavRequest asking(std::string path, const char* depth, std::string doing) {
  DavRequest request;
  request.doing = std::move(doing);
  request.method = "PROPFIND";
  request.path = std::move(path);
  request.headers = {{"Depth", depth}, {"Content-Type", "application/xml; charset=utf-8"}};
  request.body = base::as_bytes(wanted);
  request.body_size_max = folder_size_max;
  return request;
}

/// The absolute path of `path` on the server, as lists write it.
std::string absolute(const WebdavClient& client, std::string path) {
  while (path.ends_with('/'))
    path.pop_back();
  if (path.empty()) return client.root().empty() ? "/" : client.root();
  return client.root() + "/" + path;
}

std::vector<DavEntry> entries_of(const WebdavClient& client, const DavRequest& request,
                                 const net::HttpResponse& response) {
  return base::with_context(
      [&] { return fmt::format("{} in {}", request.doing, client.store()); },
      [&] {
        if (response.status == 207) return parse_multistatus(response.body, folder_entries_max);
        throw Error(
            ErrorKind::unsupported,
            fmt::format("the server answered with status {} instead of a list", response.status))
            .set_hint("check whether the path is a WebDAV folder");
      });
}

std::optional<Folder> folder_of(const WebdavClient& client, const DavRequest& request,
                                const net::HttpResponse& response) {
  const auto own = absolute(client, request.path);
  const auto start = own == "/" ? own : own + "/";
  Folder folder;
  const DavEntry* self = nullptr;
  const auto entries = entries_of(client, request, response);
  for (const auto& entry : entries) {
    if (entry.path == own) self = &entry;
    if (entry.path.size() <= start.size() || !entry.path.starts_with(start)) continue;
    auto name = entry.path.substr(start.size());
    if (name.find('/') != name.npos) continue;
    folder.items.push_back(
        {std::move(name), entry.is_folder, entry.size.value_or(0), entry.modified});
  }
  // A list of another place would look like an empty store.
  if (self == nullptr) {
    throw Error(ErrorKind::unsupported,
                fmt::format("{} in {}: the server lists another folder than was asked for",
                            request.doing, client.store()))
        .set_hint("a proxy that changes paths must change them in WebDAV answers too");
  }
  if (!self->is_folder) return std::nullopt;
  folder.modified = self->modified;
  folder.server_time = net::time_of_server(response);
  return folder;
}

}  // namespace

std::optional<DavEntry> look_at(WebdavClient& client, const std::string& path,
                                const std::string& doing) {
  const auto request = asking(path, "0", doing);
  const auto response = client.send(request, is_absent);
  if (is_absent(response.status)) return std::nullopt;
  auto entries = entries_of(client, request, response);
  if (entries.empty()) return std::nullopt;
  return std::move(entries.front());
}

void require_root(WebdavClient& client) {
  const auto root = look_at(client, "", "opening the store");
  if (root && root->is_folder) return;
  throw Error(ErrorKind::not_found, fmt::format("the store {} is not there", client.store()))
      .set_hint("check the path, and whether the disk is mounted on the server")
      .set_layer(base::Layer::place);
}

std::vector<std::optional<Folder>> list_folders(WebdavClient& client,
                                                const std::vector<std::string>& paths) {
  std::vector<DavRequest> requests;
  std::vector<std::unique_ptr<net::Transfer>> transfers;
  requests.reserve(paths.size());
  for (const auto& path : paths)
    requests.push_back(asking(path, "1", "listing " + (path.empty() ? "objects" : path)));
  transfers.reserve(paths.size());
  for (const auto& request : requests)
    transfers.push_back(client.start(request));
  std::vector<std::optional<Folder>> folders(paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    folders[i] = client.retrier().run([&](int failed) -> std::optional<Folder> {
      const auto& request = requests[i];
      if (failed > 0) transfers[i] = client.start(request);
      const auto response = client.wait(*transfers[i], request, is_absent);
      if (is_absent(response.status)) return std::nullopt;
      return folder_of(client, request, response);
    });
  }
  return folders;
}

MadeFolder try_make_folder(WebdavClient& client, const std::string& path,
                           const std::string& doing) {
  const DavRequest request{.doing = doing, .method = "MKCOL", .path = path};
  const auto response = client.send_once(
      request, [](int status) { return status == 405 || status == 409 || status == 404; });
  if (response.is_success()) return MadeFolder::made;
  if (response.status != 405) return MadeFolder::lacks_parent;
  return response.times_sent > 1 ? MadeFolder::perhaps_made : MadeFolder::was_there;
}

void make_folders(WebdavClient& client, const std::string& path, const std::string& doing) {
  const auto make = [&] {
    return client.retrier().run([&](int) { return try_make_folder(client, path, doing); });
  };
  if (make() != MadeFolder::lacks_parent) return;
  // "a/b/" is in "a/", and that in the folder of the store.
  const auto slash = path.find_last_of('/', path.size() - 2);
  if (path.size() > 1 && slash != path.npos) {
    make_folders(client, path.substr(0, slash + 1), doing);
  } else {
    require_root(client);
  }
  if (make() != MadeFolder::lacks_parent) return;
  throw Error(ErrorKind::io,
              fmt::format("{} in {}: the folder {} cannot be made", doing, client.store(), path))
      .set_hint("check the log of the server");
}

void make_root(WebdavClient& client) {
  const std::string doing = "making the folder of the store";
  if (look_at(client, "", doing)) return;
  make_folders(client, client.root() + "/", doing);
}

void try_to_remove(WebdavClient& client, const std::string& path,
                   const std::string& doing) noexcept {
  try {
    client.send_once({.doing = doing, .method = "DELETE", .path = path}, [](int) { return true; });
  } catch (const std::exception&) {
    return;
  }
}

RemoveOutcome remove_path(WebdavClient& client, const std::string& path, const std::string& doing) {
  return client.retrier().run([&](int failed) {
    const auto response =
        client.send_once({.doing = doing, .method = "DELETE", .path = path}, is_absent);
    // An attempt whose reply got lost may have removed it.
    const bool is_first = failed == 0 && response.times_sent == 1;
    return response.is_success() || !is_first ? RemoveOutcome::removed : RemoveOutcome::was_absent;
  });
}

}  // namespace holdfast::storage
