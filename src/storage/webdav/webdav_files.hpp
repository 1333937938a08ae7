// What is done to single files and folders.
#pragma once

#include "webdav_client.hpp"
#include "webdav_listing.hpp"

#include <optional>
#include <string>
#include <vector>

namespace holdfast::storage {

/// Nothing when there is nothing at `path`. `doing` is for messages.
std::optional<DavEntry> look_at(WebdavClient& client, const std::string& path,
                                const std::string& doing);
/// Errors: not_found when the folder of the store is not there, unsupported when what answers does
/// not speak WebDAV.
void require_root(WebdavClient& client);

struct FolderItem {
  std::string name{};  // one part of a path
  bool is_folder = false;
  std::uint64_t size = 0;
  std::optional<base::WallTime> modified{};
};
struct Folder {
  std::optional<base::WallTime> modified{};
  std::vector<FolderItem> items{};
  std::optional<base::WallTime> server_time{};
};
/// What is in several folders, with all requests under way at once; of each its position in
/// `paths`, or nothing when no folder is there.
std::vector<std::optional<Folder>> list_folders(WebdavClient& client,
                                                const std::vector<std::string>& paths);

enum class MadeFolder : std::uint8_t { made, was_there, perhaps_made, lacks_parent };
/// One attempt to make the folder `path`. `was_there`: something has its name. `perhaps_made`: that
/// too, but the request was sent more than once, and the first may have made it.
MadeFolder try_make_folder(WebdavClient& client, const std::string& path, const std::string& doing);
/// Makes the folder `path` below the store and those that miss above it.
void make_folders(WebdavClient& client, const std::string& path, const std::string& doing);
/// Makes the folder of the store itself.
void make_root(WebdavClient& client);
/// Removes a file, or a folder (which ends in '/') with what is in it, if that is possible at once:
/// for what remove_leftovers finds as well.
void try_to_remove(WebdavClient& client, const std::string& path,
                   const std::string& doing) noexcept;
/// The same, and says what became of it.
RemoveOutcome remove_path(WebdavClient& client, const std::string& path, const std::string& doing);

}  // namespace holdfast::storage
