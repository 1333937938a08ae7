#include "run_journal.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

namespace holdfast::backup {
namespace {

// record: u32 size of what follows the checksum, u64 checksum, u8 kind, then a pack id or
// fingerprint and node
constexpr std::size_t head_size = 12;
constexpr std::uint8_t kind_pack = 1;
constexpr std::uint8_t kind_file = 2;
constexpr std::uint32_t record_size_max = 64U * 1024 * 1024;
constexpr std::size_t write_size = 64UL * 1024;

}  // namespace

RunJournal::RunJournal(const std::string& directory, const std::string& site)
    : path_(directory + "/journal-" + std::to_string(XXH3_64bits(site.data(), site.size()))) {
  file_ = base::open_file(path_, O_RDWR | O_CREAT, 0600);
  read_back();
}

void RunJournal::read_back() {
  const auto size = static_cast<std::uint64_t>(lseek(file_.get(), 0, SEEK_END));
  base::Bytes record;
  while (size - end_ > head_size) {
    std::array<std::byte, head_size> head{};
    base::read_at(file_.get(), end_, head, path_);
    const auto length = base::load_le<std::uint32_t>(head.data());
    if (length == 0 || length > record_size_max || length > size - end_ - head_size) break;
    record.resize(length);
    base::read_at(file_.get(), end_ + head_size, record, path_);
    if (XXH3_64bits(record.data(), length) != base::load_le<std::uint64_t>(head.data() + 4)) break;
    const auto body = base::ByteView(record).subspan(1);
    if (record[0] == std::byte{kind_pack} && body.size() == 32) {
      packs_.push_back(base::PackId::from_bytes(body));
    } else if (record[0] == std::byte{kind_file} && body.size() > 8) {
      nodes_[base::load_le<std::uint64_t>(body.data())] = {
          end_ + head_size + 9, static_cast<std::uint32_t>(body.size() - 8)};
    }
    end_ += head_size + length;
  }
}

std::optional<base::Bytes> RunJournal::find(Fingerprint fingerprint) const {
  const auto found = nodes_.find(fingerprint);
  if (fingerprint == 0 || found == nodes_.end()) return std::nullopt;
  base::Bytes node(found->second.size);
  base::read_at(file_.get(), found->second.offset, node, path_);
  return node;
}

void RunJournal::append(std::uint8_t kind, base::ByteView head, base::ByteView body) {
  const auto at = pending_.size();
  base::put_le(pending_, static_cast<std::uint32_t>(1 + head.size() + body.size()));
  base::put_le(pending_, std::uint64_t{0});
  pending_.push_back(std::byte{kind});
  base::append(pending_, head);
  base::append(pending_, body);
  const auto record = base::ByteView(pending_).subspan(at + head_size);
  base::store_le(pending_.data() + at + 4, XXH3_64bits(record.data(), record.size()));
  if (pending_.size() >= write_size) flush();
}

void RunJournal::add_pack(const base::PackId& pack) {
  append(kind_pack, pack.view(), {});
  flush();
}

void RunJournal::add_file(Fingerprint fingerprint, base::ByteView node) {
  if (fingerprint == 0) return;
  append(kind_file, std::as_bytes(std::span(&fingerprint, 1)), node);
}

void RunJournal::flush() {
  base::write_at(file_.get(), end_, pending_, path_);
  end_ += pending_.size();
  pending_.clear();
}

void RunJournal::remove() {
  if (unlink(path_.c_str()) != 0 && errno != ENOENT)
    throw base::system_error(errno, "removing the journal " + path_);
}

}  // namespace holdfast::backup
