// FTP cannot create a file only if its name is free: servers open what is there, and a file that is
// moved replaces the one that has the name. But no server moves a folder onto one that holds
// something. So a writer sends its object, whole, into a folder of its own, uploads/<mark>/<mark>,
// and then moves that folder to claims/<name>: while it is there nobody else's can be. If the name
// is free then, it moves the file out of the claim to its name, and removes the folder.
//
// A writer that finds a claim does not wait for its owner, who may be dead: it moves the file for
// them. That is safe because the file in the claim is named by its owner's mark, which never comes
// back: if moving it succeeds it was there all the time since the name was seen to be free, and
// nobody else could give the name to anything. An empty claim is in nobody's way: folders are moved
// onto it, or it is removed first, and what holds something cannot be removed.
//
// After a lost reply the same is asked for again. A move whose source is gone was done, by an
// earlier attempt or by a helper: nobody moves what has our mark anywhere else.

#include "ftps_writer.hpp"

#include "ftps_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t part_size = 8UL * 1024 * 1024;
constexpr int claim_attempts_max = 100;
constexpr const char* trying = "trying whether objects can be created exclusively";

std::string hidden_folder(const FtpsClient& client) { return client.root() + "/.holdfast"; }

/// The name of an object as one part of a path; no two have the same.
std::string flat_name(std::string name) {
  std::ranges::replace(name, '/', '~');
  return name;
}

/// For what is only cleaning up: leftovers are found later.
template <class Work>
void try_to(Work work) noexcept {
  try {
    work();
  } catch (const Error&) {
    return;
  } catch (const base::Cancelled&) {
    return;
  }
}

class FtpsWriter final : public ObjectWriter {
public:
  FtpsWriter(FtpsClient& client, std::string name)
      : client_(client),
        name_(std::move(name)),
        doing_("storing " + name_),
        path_(client.root() + "/" + name_),
        mark_(client.make_mark()),
        folder_(uploads_folder(client) + "/" + mark_),
        upload_(folder_ + "/" + mark_),
        claim_(claims_folder(client) + "/" + flat_name(name_)),
        claimed_(claim_ + "/" + mark_) {}

  ~FtpsWriter() override {
    if (!has_upload_) return;
    try_to([&] {
      remove_file(client_, upload_, doing_);
      try_to_remove_folder(client_, folder_, doing_);
    });
  }

  void append(base::ByteView bytes) override {
    while (!bytes.empty()) {
      if (buffer_.capacity() == 0) buffer_ = base::Buffer(part_size);
      if (buffer_.room() == 0) send_part();
      const auto part = bytes.first(std::min(bytes.size(), buffer_.room()));
      buffer_.append(part);
      bytes = bytes.subspan(part.size());
    }
  }

  PutOutcome commit() override {
    send_part();
    if (!take_claim()) return PutOutcome::already_there;
    has_upload_ = false;
    const auto outcome = publish();
    try_to([&] { try_to_remove_folder(client_, claim_, doing_); });
    return outcome;
  }

private:
  /// Sends what is in the buffer. What arrived of an attempt that broke is not sent again.
  void send_part() {
    const auto bytes = buffer_.view();
    if (!has_upload_) make_folders(client_, folder_, doing_);
    has_upload_ = true;
    bool made_again = false;
    client_.use(doing_, [&](net::FtpSession& session, int failed) {
      const auto there = failed > 0 ? arrived_of_part(session) : std::nullopt;
      const auto arrived = there.value_or(0);
      while (there != bytes.size()) {
        const auto reply = session.send(upload_, sent_ + arrived, bytes.subspan(arrived));
        if (reply.is_success()) break;
        // An empty folder is removed by who cleans up.
        if (sent_ != 0 || std::exchange(made_again, true)) throw refusal(session, reply);
        session.run({"MKD " + folder_});
      }
      require_whole(session);
    });
    sent_ += bytes.size();
    buffer_.clear();
  }

  /// How much of the part is there; nothing when not even the file is.
  std::optional<std::size_t> arrived_of_part(net::FtpSession& session) const {
    const auto size = size_at(session);
    if (size && *size >= sent_) {
      return static_cast<std::size_t>(std::min<std::uint64_t>(*size - sent_, buffer_.size()));
    }
    if (sent_ == 0) return std::nullopt;
    throw Error(ErrorKind::io,
                fmt::format("of {} bytes that were sent {} are there", sent_, size.value_or(0)))
        .set_hint("check what else removes files on the server, and its log");
  }

  std::optional<std::uint64_t> size_at(net::FtpSession& session) const {
    return parse_size(session.run({"SIZE " + upload_}));
  }

  /// A connection that ends looks like the end of the file to many servers.
  void require_whole(net::FtpSession& session) const {
    const auto size = size_at(session);
    const auto wanted = sent_ + buffer_.size();
    if (size == wanted) return;
    throw Error(ErrorKind::unavailable,
                fmt::format("of {} bytes {} arrived", wanted, size.value_or(0)))
        .set_hint("check the network, and the server's log");
  }

  /// Why the server did not take it. Full disks have no code of their own at many.
  Error refusal(net::FtpSession& session, const net::FtpReply& reply) const {
    constexpr int local_error = 451;
    auto error = client_.error_of(reply, doing_);
    if (reply.code != local_error) return error;
    const auto probe = session.send(upload_ + "p", 0, base::as_bytes("p"));
    session.run({"DELE " + upload_ + "p"});
    if (probe.code != local_error) return error;
    return Error(ErrorKind::no_space, error.what())
        .set_hint("check disk and quota of the server: it takes nothing at all at this moment");
  }

  /// True: the object of this writer is in the claim, or has its name already.
  bool take_claim() {
    for (int attempt = 0; attempt < claim_attempts_max; ++attempt) {
      if (try_to_move(client_, folder_, claim_, doing_)) return true;
      if (!is_folder(client_, folder_, doing_)) return true;  // an earlier attempt moved it
      if (size_of(client_, path_, doing_)) return false;
      settle_claim();
    }
    throw Error(ErrorKind::conflict,
                fmt::format("{} in {}: others store it again and again", doing_, client_.store()))
        .set_hint("run it again");
  }

  /// Somebody else holds the claim: it is done for them what they may be too dead to do.
  void settle_claim() {
    const auto entries = list_folder(client_, claim_, doing_);
    if (!entries) return make_folders(client_, claims_folder(client_), doing_);
    if (entries->empty()) try_to_remove_folder(client_, claim_, doing_);
    for (const auto& entry : *entries) {
      if (size_of(client_, path_, doing_)) return;
      move_to_name(claim_ + "/" + entry.name);
    }
  }

  /// Moves a file out of the claim. Whether it is done now, by whomever, is asked elsewhere.
  bool move_to_name(const std::string& from) {
    if (try_to_move(client_, from, path_, doing_)) return true;
    const auto folder = path_.substr(0, path_.rfind('/'));
    if (!is_folder(client_, folder, doing_)) make_folders(client_, folder, doing_);
    return try_to_move(client_, from, path_, doing_);
  }

  PutOutcome publish() {
    if (size_of(client_, path_, doing_)) return withdraw();
    if (move_to_name(claimed_)) return PutOutcome::stored;
    if (size_of(client_, claimed_, doing_)) {
      throw Error(
          ErrorKind::access_denied,
          fmt::format("{} in {}: the server does not give it its name", doing_, client_.store()))
          .set_hint("check what the user may do in that folder on the server");
    }
    return require_published();
  }

  /// The name was taken: by another, unless a helper has been there.
  PutOutcome withdraw() {
    if (!size_of(client_, claimed_, doing_)) return require_published();
    return remove_file(client_, claimed_, doing_) == RemoveOutcome::removed
               ? PutOutcome::already_there
               : PutOutcome::stored;
  }

  /// Nothing has our mark any more: it is the object.
  PutOutcome require_published() {
    if (look_for(client_, path_, doing_) == sent_) return PutOutcome::stored;
    throw Error(ErrorKind::io,
                fmt::format("{} in {}: what was sent is gone", doing_, client_.store()))
        .set_hint("check what else removes files on the server, and its log");
  }

  FtpsClient& client_;
  const std::string name_;
  const std::string doing_;
  const std::string path_;
  const std::string mark_;
  const std::string folder_;
  const std::string upload_;
  const std::string claim_;
  const std::string claimed_;
  base::Buffer buffer_;
  std::uint64_t sent_ = 0;
  bool has_upload_ = false;
};

}  // namespace

std::string uploads_folder(const FtpsClient& client) { return hidden_folder(client) + "/uploads"; }
std::string claims_folder(const FtpsClient& client) { return hidden_folder(client) + "/claims"; }

void FtpsAbilities::require_exclusive_create() {
  const std::lock_guard lock(mutex_);
  if (known_) return;
  require_root(client_);
  make_folders(client_, uploads_folder(client_), trying);
  make_folders(client_, claims_folder(client_), trying);
  try_claims();
  known_ = true;
}

void FtpsAbilities::try_claims() {
  const auto first = uploads_folder(client_) + "/" + client_.make_mark();
  const auto second = uploads_folder(client_) + "/" + client_.make_mark();
  for (const auto& folder : {first, second})
    make_folders(client_, folder + "/held", trying);
  const bool moved = try_to_move(client_, first, second, trying);
  for (const auto& folder : {first + "/held", first, second + "/held", second})
    try_to_remove_folder(client_, folder, trying);
  if (!moved) return;
  throw Error(ErrorKind::unsupported,
              fmt::format("{} moves a folder onto another that is not empty", client_.store()))
      .set_hint(
          "two machines that write at once could destroy each other's work there: use another kind "
          "of store or server");
}

std::unique_ptr<ObjectWriter> write_ftps_object(FtpsClient& client, std::string name) {
  return std::make_unique<FtpsWriter>(client, std::move(name));
}

}  // namespace holdfast::storage
