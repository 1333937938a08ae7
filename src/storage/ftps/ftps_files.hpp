// Files and folders of the server. Paths are absolute; `doing` is for messages.
//
// Most refusals have one code, 550, and a text that each server writes as it likes. What it means
// is found out by asking for something else.
#pragma once

#include "ftps_client.hpp"
#include "listing.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::storage {

/// What SIZE was answered; nothing for a refusal. Errors: corrupt for what is no number.
std::optional<std::uint64_t> parse_size(const net::FtpReply& reply);
/// The size of a file; nothing when there is no such file.
std::optional<std::uint64_t> size_of(FtpsClient& client, const std::string& path,
                                     const std::string& doing);
/// The same, after the folder that it is in was looked at too. Errors: not_found when the store is
/// gone, access_denied when nobody can tell.
std::optional<std::uint64_t> look_for(FtpsClient& client, const std::string& path,
                                      const std::string& doing);
bool is_folder(FtpsClient& client, const std::string& path, const std::string& doing);
/// Errors: not_found when the store's folder is not there.
void require_root(FtpsClient& client);

/// Makes it, and what is missing above it. It may be there.
void make_folders(FtpsClient& client, const std::string& path, const std::string& doing);
/// Nothing when there is no such folder.
std::optional<std::vector<ListedEntry>> list_folder(FtpsClient& client, const std::string& path,
                                                    const std::string& doing);
/// Whether it could be moved. That something has that name is known for certain only of folders
/// that hold something: files and empty folders are replaced. A move whose reply was lost may be
/// refused the second time.
bool try_to_move(FtpsClient& client, const std::string& from, const std::string& to,
                 const std::string& doing);
/// Errors: access_denied when the file is there and stays.
RemoveOutcome remove_file(FtpsClient& client, const std::string& path, const std::string& doing);
/// Whether the folder was there, empty, and is gone.
bool try_to_remove_folder(FtpsClient& client, const std::string& path, const std::string& doing);
/// When a file was last written, in seconds of the server's clock, whatever its zone; nothing when
/// it does not say, or there is no such file.
std::optional<std::int64_t> modified_at(FtpsClient& client, const std::string& path,
                                        const std::string& doing);
/// Writes a small file.
void write_file(FtpsClient& client, const std::string& path, base::ByteView bytes,
                const std::string& doing);

}  // namespace holdfast::storage
