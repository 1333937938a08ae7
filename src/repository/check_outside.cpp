#include "check_outside.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "index_segment.hpp"
#include "read_log.hpp"
#include "stored_pack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace holdfast::repository {

namespace {

using base::Error;
using base::ErrorKind;
using pipeline::sector_size;

constexpr std::size_t sectors_at_once = 64;

/// Those that must be thawed before they are read become `frozen`.
std::vector<ReadLog::Pack> list_packs(storage::Backend& backend, CheckFindings& findings,
                                      std::vector<ReadLog::Pack>& frozen) {
  std::vector<ReadLog::Pack> packs;
  backend.list("packs/", [&](const storage::ObjectInfo& object) {
    try {
      const auto id =
          base::PackId::from_hex(std::string_view(object.name).substr(object.name.rfind('/') + 1));
      if (pack_object_name(id) != object.name) return;
      (object.is_archived ? frozen : packs).push_back({id, object.size});
    } catch (const Error&) {
      findings.add(object.name, "is not a pack");
    }
  });
  std::ranges::sort(packs, {}, &ReadLog::Pack::id);
  return packs;
}

/// Returns how many bytes were read. Errors: corrupt, as the store.
std::uint64_t verify_sectors(storage::Backend& backend, const ReadLog::Pack& pack,
                             const pipeline::PackTrailer& trailer,
                             const std::stop_token& stopping) {
  const auto name = pack_object_name(pack.id);
  const auto end = trailer.directory_offset + trailer.directory_size;
  base::Buffer buffer(sectors_at_once * sector_size);
  std::size_t sector = 0;
  for (std::uint64_t at = 0; at < end;) {
    base::check_cancelled(stopping);
    const auto wanted = std::min<std::uint64_t>(buffer.capacity(), end - at);
    buffer.set_size(backend.read(name, at, buffer.all().first(wanted)));
    if (buffer.size() != wanted) {
      throw Error(ErrorKind::corrupt, fmt::format("it ends at byte {}", at + buffer.size()));
    }
    for (auto rest = buffer.view(); !rest.empty(); ++sector) {
      const auto size = std::min(rest.size(), sector_size);
      if (sector >= trailer.sector_checksums.size() ||
          pipeline::sector_checksum(rest.first(size)) != trailer.sector_checksums[sector]) {
        throw Error(ErrorKind::corrupt,
                    fmt::format("bytes {} to {} are not what was written", sector * sector_size,
                                sector * sector_size + size - 1));
      }
      rest = rest.subspan(size);
    }
    at += wanted;
  }
  return end;
}

/// Header and trailer, and when `whole` all sectors. Returns how many bytes were read.
std::uint64_t verify(storage::Backend& backend, const ReadLog::Pack& pack, bool whole,
                     CheckFindings& findings, const std::stop_token& stopping) {
  base::check_cancelled(stopping);
  try {
    static_cast<void>(read_pack_header(backend, pack.id));
    const auto trailer = read_pack_trailer(backend, pack.id, pack.size);
    return whole ? verify_sectors(backend, pack, trailer, stopping) : 0;
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    findings.add(pack_object_name(pack.id), error.what());
    return 0;
  }
}

}  // namespace

void check_packs_outside(Repository& repository, const CheckOptions& options,
                         base::ProgressObserver& progress, CheckFindings& findings,
                         CheckReport& report, const std::stop_token& stopping) {
  auto& backend = repository.backend();
  std::vector<ReadLog::Pack> frozen;
  const auto packs = list_packs(backend, findings, frozen);
  ReadLog log(repository, options, findings, report);
  std::vector<base::PackId> present;
  report.packs_frozen = frozen.size();
  for (const auto& pack : frozen) {
    present.push_back(pack.id);
    report.bytes_frozen += pack.size;
  }
  base::Progress now;
  now.phase = "check";
  now.items_total = packs.size();
  for (const auto& pack : packs) {
    present.push_back(pack.id);
    static_cast<void>(verify(backend, pack, false, findings, stopping));
    ++now.items_done;
    progress.on_progress(now);
  }
  log.keep([&] {
    for (const auto& pack : log.choose(packs)) {
      report.bytes_read += verify(backend, pack, true, findings, stopping);
      log.note(pack.id,
               findings.has(pack_object_name(pack.id)) ? ReadResult::damaged : ReadResult::whole);
      now.bytes_done = report.bytes_read;
      progress.on_progress(now);
    }
  });
  std::ranges::sort(present);
  log.finish(present);
  report.packs = packs.size() + report.packs_frozen;
}

}  // namespace holdfast::repository
