// An object is sent to a name that no object has, and moved to its own by a server that was told
// not to replace anything, while its writer holds the claim for the name.

#include "webdav_writer.hpp"

#include "base/error.hpp"
#include "claim.hpp"

#include <fmt/format.h>

#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr const char* trying = "trying whether files can be created exclusively";
/// No object has this name.
constexpr const char* probe_name = "~probe";

DavRequest moving(const WebdavClient& client, std::string doing, std::string from,
                  const std::string& to) {
  DavRequest request;
  request.doing = std::move(doing);
  request.method = "MOVE";
  request.path = std::move(from);
  request.headers = {{"Destination", client.url_of(to)}, {"Overwrite", "F"}};
  return request;
}

void send_file(WebdavClient& client, const std::string& doing, const std::string& path,
               base::ByteView bytes) {
  const DavRequest request{.doing = doing,
                           .method = "PUT",
                           .path = path,
                           .headers = {{"Content-Type", "application/octet-stream"}},
                           .body = bytes};
  client.retrier().run([&](int) {
    // What servers answer when the folder is gone.
    const auto response = client.send_once(
        request, [](int status) { return status == 404 || status == 409 || status == 500; });
    if (response.is_success()) return;
    require_root(client);
    throw client.error_of(response, request);
  });
}

class WebdavWriter final : public ObjectWriter {
public:
  WebdavWriter(WebdavClient& client, std::string name)
      : client_(client),
        name_(std::move(name)),
        mark_(client.make_mark()),
        upload_(upload_path(name_, mark_)) {}

  ~WebdavWriter() override {
    if (has_upload_) try_to_remove(client_, upload_, doing());
  }

  void append(base::ByteView bytes) override { base::append(bytes_, bytes); }

  PutOutcome commit() override {
    has_upload_ = true;
    send_file(client_, doing(), upload_, bytes_);
    // It is dropped before the upload is: see Claim::take.
    Claim claim(client_, name_, mark_);
    if (!claim.take()) return PutOutcome::already_there;
    const auto outcome = publish(claim);
    has_upload_ = outcome == PutOutcome::already_there;
    return outcome;
  }

private:
  std::string doing() const { return "storing " + name_; }

  PutOutcome publish(const Claim& claim) {
    const auto request = moving(client_, doing(), upload_, name_);
    bool made_folders = false;
    return client_.retrier().run([&](int) {
      for (;;) {
        claim.require_fresh();
        const auto response = client_.send_once(
            request, [](int status) { return status == 404 || status == 409 || status == 412; });
        if (response.is_success()) return PutOutcome::stored;
        // The request may be the second one for a file that the first has moved.
        const bool is_moved = !look_at(client_, upload_, doing());
        if (is_moved) return require_moved();
        if (response.status == 412) return PutOutcome::already_there;
        if (std::exchange(made_folders, true)) throw client_.error_of(response, request);
        make_parents();
      }
    });
  }

  /// The upload is gone: only its own writer moves it.
  PutOutcome require_moved() {
    const auto there = look_at(client_, name_, doing());
    if (there && there->size == bytes_.size()) return PutOutcome::stored;
    throw Error(ErrorKind::io,
                fmt::format("{} in {}: what was sent is gone", doing(), client_.store()))
        .set_hint("check what else removes files on the server, and its log");
  }

  void make_parents() {
    const auto slash = name_.rfind('/');
    if (slash == name_.npos) {
      require_root(client_);
    } else {
      make_folders(client_, name_.substr(0, slash + 1), doing());
    }
  }

  WebdavClient& client_;
  const std::string name_;
  const std::string mark_;
  const std::string upload_;
  base::Bytes bytes_;
  bool has_upload_ = false;
};

}  // namespace

void WebdavAbilities::require_exclusive_create() {
  if (known_) return;
  require_root(client_);
  try_folders();
  try_files();
  known_ = true;
}

void WebdavAbilities::try_folders() {
  make_folders(client_, uploads_folder, trying);
  make_folders(client_, claims_folder, trying);
  const auto again =
      client_.retrier().run([&](int) { return try_make_folder(client_, claims_folder, trying); });
  if (again != MadeFolder::made) return;
  throw Error(
      ErrorKind::unsupported,
      fmt::format("{} does not say that a folder is there already (MKCOL)", client_.store()))
      .set_hint(
          "two machines that write at once could destroy each other's work there: use another "
          "kind of store or server");
}

void WebdavAbilities::try_files() {
  const auto first = upload_path(probe_name, client_.make_mark());
  const auto second = upload_path(probe_name, client_.make_mark());
  for (const auto& path : {first, second})
    send_file(client_, trying, path, base::as_bytes("probe"));
  const auto response = client_.send(moving(client_, trying, first, second),
                                     [](int status) { return status == 412; });
  for (const auto& path : {first, second})
    remove_path(client_, path, trying);
  if (response.status == 412) return;
  throw Error(
      ErrorKind::unsupported,
      fmt::format("{} replaces a file although it was told not to (Overwrite: F)", client_.store()))
      .set_hint("what is stored there could be lost: use another kind of store or server");
}

std::unique_ptr<ObjectWriter> write_webdav_object(WebdavClient& client, std::string name) {
  return std::make_unique<WebdavWriter>(client, std::move(name));
}

}  // namespace holdfast::storage
