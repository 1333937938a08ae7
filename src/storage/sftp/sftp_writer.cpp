// What is appended is on its way at once, under a name that no object has, and kept until the
// server confirms it. When the connection is lost the next one goes on from there. What the server
// has of the rest, though its answers got lost, is compared and not sent again, so that a cut costs
// what had not reached the server and no more.
//
// What was confirmed over a lost connection is only known to have been in the server's memory, and
// the server may have gone down with the line. So it is read back, once, after all was made durable
// and before the object gets its name.
//
// A rename whose reply got lost is done again, and then finds the name taken: by this object if it
// has its bytes.

#include "sftp_writer.hpp"

#include "remote_files.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <deque>
#include <new>
#include <optional>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

/// Requests of one writer under way: 4 MiB, what a line of 40 MB/s holds in a tenth of a second.
constexpr std::size_t requests_under_way_max = 128;
constexpr std::uint64_t no_space_below = 1024UL * 1024;
constexpr std::size_t read_back_size = 1024UL * 1024;
constexpr std::string_view temporary_start = ".hf-";
constexpr std::string_view temporary_end = ".tmp";
constexpr std::size_t temporary_size = 4 + 16 + 4;

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// Tells bytes from others that got into their place by accident.
class Digest {
public:
  Digest() : state_(::XXH3_createState(), ::XXH3_freeState) {
    if (!state_) throw std::bad_alloc();
    ::XXH3_128bits_reset(state_.get());
  }
  void update(base::ByteView bytes) {
    ::XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
  }
  /// Of all bytes so far; more may follow.
  XXH128_hash_t value() const { return ::XXH3_128bits_digest(state_.get()); }

private:
  std::unique_ptr<XXH3_state_t, decltype(&::XXH3_freeState)> state_;
};

class SftpWriter final : public ObjectWriter {
public:
  SftpWriter(SftpPlace& place, std::string path) : place_(place), path_(std::move(path)) {
    persist([] {});
  }
  ~SftpWriter() override {
    if (done_ || !file_) return;
    try {
      for (const auto& request : under_way_) {
        if (request.ticket) file_->connection().drop(*request.ticket);
      }
      forget_temporary(file_->connection());
    } catch (const Error&) {  // remove_leftovers finds it
      return;
    }
  }

  void append(base::ByteView bytes) override {
    while (!bytes.empty()) {
      const auto taken =
          bytes.first(std::min(bytes.size(), RemoteFile::request_size_max - buffer_.size()));
      base::append(buffer_, taken);
      bytes = bytes.subspan(taken.size());
      if (buffer_.size() == RemoteFile::request_size_max) flush();
    }
  }

  PutOutcome commit() override {
    if (!buffer_.empty()) flush();
    if (file_->has_sync()) enqueue({});
    while (!under_way_.empty())
      settle_oldest();
    if (doubtful_) persist([&] { read_back(); });
    return publish();
  }

private:
  /// Bytes to be written, or none: all that was written is to be durable.
  struct Request {
    std::uint64_t offset;
    base::Bytes bytes;
    std::optional<Connection::Ticket> ticket{};  // nothing: not sent over this connection
  };

  /// What was confirmed over connections that are gone: the first bytes of the object.
  struct Doubtful {
    std::uint64_t size;
    XXH128_hash_t digest;
  };

  /// Does `work` with the file; again, over another connection, when one is lost.
  template <class Work>
  void persist(Work work) {
    place_.retrier.run([&](int) {
      if (!file_ || file_->connection().is_broken()) open();
      for (auto& request : under_way_) {
        if (!request.ticket) send(request);
      }
      work();
    });
  }

  void open() {
    for (auto& request : under_way_)
      request.ticket.reset();
    file_.reset();
    auto connection = place_.pool.pick();
    const auto there = temporary_.empty() ? std::nullopt : stat_file(*connection, temporary_);
    if (!there && confirmed_ == 0) {
      create(std::move(connection));
      return;
    }
    const auto size = there ? there->size.value_or(0) : 0;
    if (size < confirmed_) {
      throw Error(ErrorKind::unavailable,
                  fmt::format("storing {} on {}: the server has lost what it had confirmed", path_,
                              connection->store()))
          .set_retry(base::Retry::never)
          .set_hint("it was probably restarted: run it again, what was stored already is used");
    }
    file_ =
        std::make_shared<RemoteFile>(std::move(connection), temporary_, RemoteFile::Mode::resume);
    settle_arrived(size);
    doubtful_ = {confirmed_, digest_.value()};
  }

  /// Of what is under way, the first requests that the server has in its `size` bytes.
  void settle_arrived(std::uint64_t size) {
    const RemoteFile file(file_->shared_connection(), temporary_, RemoteFile::Mode::read);
    base::Bytes arrived(static_cast<std::size_t>(std::min(size, sent_) - confirmed_));
    arrived.resize(file.read(confirmed_, arrived));
    for (base::ByteView rest = arrived; !under_way_.empty();) {
      const auto& bytes = under_way_.front().bytes;
      if (bytes.empty() || bytes.size() > rest.size()) return;
      if (!std::ranges::equal(bytes, rest.first(bytes.size()))) return;
      rest = rest.subspan(bytes.size());
      settle_front();
    }
  }

  void create(std::shared_ptr<Connection> connection) {
    temporary_ = directory_of(path_) + "/" + temporary_name(place_.random);
    const auto make = [&] {
      file_ = std::make_shared<RemoteFile>(connection, temporary_, RemoteFile::Mode::create);
    };
    try {
      make();
      return;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::not_found) throw;
    }
    require_directory(*connection, place_.root);
    make_directories(*connection, place_.root, directory_of(path_));
    make();
  }

  void forget_temporary(Connection& connection) const {
    connection.drop(connection.send(PacketType::remove, PacketWriter().text(temporary_).view()));
  }

  void flush() {
    if (under_way_.size() == requests_under_way_max) settle_oldest();
    enqueue(std::exchange(buffer_, {}));
  }

  void enqueue(base::Bytes bytes) {
    const auto size = bytes.size();
    under_way_.push_back({sent_, std::move(bytes)});
    sent_ += size;
    persist([] {});
  }

  void send(Request& request) const {
    request.ticket =
        request.bytes.empty() ? file_->sync() : file_->write(request.offset, request.bytes);
  }

  void settle_oldest() {
    persist([&] {
      if (under_way_.empty()) return;  // all of it had arrived over a connection that is gone
      const auto ticket = *std::exchange(under_way_.front().ticket, std::nullopt);
      require_written(wait_status(file_->connection(), ticket));
      settle_front();
    });
  }

  void settle_front() {
    const auto& oldest = under_way_.front();
    digest_.update(oldest.bytes);
    confirmed_ += oldest.bytes.size();
    under_way_.pop_front();
  }

  void require_written(const Status& status) const {
    auto& connection = file_->connection();
    if (status.code == StatusCode::failure) {
      const auto left = free_bytes(connection, directory_of(path_));
      if (left && *left < no_space_below) {
        throw Error(ErrorKind::no_space,
                    fmt::format("writing {}: {} is full", path_, connection.store()))
            .set_hint("free some space on the server; holdfast prune works without any");
      }
    }
    throw_unless_ok(connection, status, "writing " + path_);
  }

  /// Whether the file `path` of the server begins with `size` bytes of that digest.
  bool begins_with(const std::string& path, std::uint64_t size, XXH128_hash_t wanted) const {
    const RemoteFile file(file_->shared_connection(), path, RemoteFile::Mode::read);
    Digest digest;
    base::Bytes piece(read_back_size);
    for (std::uint64_t at = 0; at < size; at += piece.size()) {
      const auto count = std::min<std::uint64_t>(piece.size(), size - at);
      const base::MutableBytes into(piece.data(), static_cast<std::size_t>(count));
      if (file.read(at, into) != into.size()) return false;
      digest.update(into);
    }
    return ::XXH128_isEqual(digest.value(), wanted) != 0;
  }

  void read_back() const {
    if (begins_with(temporary_, doubtful_->size, doubtful_->digest)) return;
    throw Error(ErrorKind::unavailable,
                fmt::format("storing {} on {}: what the server had confirmed before the connection "
                            "was lost is not what it has",
                            path_, file_->connection().store()))
        .set_retry(base::Retry::never)
        .set_hint("check the server's log and disk, then run it again");
  }

  PutOutcome publish() {
    const auto outcome = place_.retrier.run([&](int failed) {
      if (file_->connection().is_broken()) open_again();
      auto& connection = file_->connection();
      const auto renaming =
          connection.send(PacketType::rename, PacketWriter().text(temporary_).text(path_).view());
      // Its own sync, because what follows a rename is durable only with it.
      const bool has_sync = file_->has_sync();
      const auto syncing = has_sync ? file_->sync() : Connection::Ticket{};
      const auto renamed = wait_status(connection, renaming);
      const auto synced = has_sync ? wait_status(connection, syncing) : Status{StatusCode::ok, {}};
      const auto result = outcome_of(renamed, failed == 0);
      if (result == PutOutcome::stored) require_written(synced);
      return result;
    });
    done_ = outcome == PutOutcome::stored;
    return outcome;
  }

  /// The file may have its name already.
  void open_again() {
    auto connection = place_.pool.pick();
    const bool is_named = !stat_file(*connection, temporary_);
    file_ = std::make_shared<RemoteFile>(std::move(connection), is_named ? path_ : temporary_,
                                         RemoteFile::Mode::resume);
  }

  PutOutcome outcome_of(const Status& renamed, bool is_first) const {
    if (renamed.code == StatusCode::ok) return PutOutcome::stored;
    // Version 3 has no code for a name that is taken.
    auto& connection = file_->connection();
    const auto there = stat_file(connection, path_);
    if (!there) throw_unless_ok(connection, renamed, "storing " + path_);
    if (is_first || there->size != sent_ || !begins_with(path_, sent_, digest_.value())) {
      return PutOutcome::already_there;
    }
    forget_temporary(connection);  // servers that rename by a link may have been cut between
    return PutOutcome::stored;
  }

  SftpPlace& place_;
  const std::string path_;
  std::string temporary_;
  std::shared_ptr<RemoteFile> file_;
  base::Bytes buffer_;
  std::uint64_t sent_ = 0;       // bytes, those under way included
  std::uint64_t confirmed_ = 0;  // bytes, all before what is under way
  Digest digest_;                // of these
  std::deque<Request> under_way_;
  std::optional<Doubtful> doubtful_;
  bool done_ = false;
};

}  // namespace

std::string temporary_name(base::Random& random) {
  std::array<std::byte, 8> bytes;
  random.fill(bytes);
  return fmt::format("{}{}{}", temporary_start, base::to_hex(bytes), temporary_end);
}

bool is_temporary_name(const std::string& name) {
  return name.size() == temporary_size && name.starts_with(temporary_start) &&
         name.ends_with(temporary_end);
}

std::unique_ptr<ObjectWriter> write_sftp_object(SftpPlace& place, std::string path) {
  return std::make_unique<SftpWriter>(place, std::move(path));
}

}  // namespace holdfast::storage
