#pragma once

#include "base/error.hpp"
#include "session_pool.hpp"
#include "storage/ftps/ftps_backend.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::storage {

/// Does things at one server, and does them again. Threads: all calls from any.
class FtpsClient {
public:
  /// Errors: access_denied without a password, or when it must not be sent; invalid_input for a
  /// location that cannot be meant.
  FtpsClient(const Location& location, base::Secret password, const FtpsOptions& options,
             FtpsContext context);

  const std::string& store() const { return store_; }  // for messages
  /// The folder of the store, absolute, without '/' at its end.
  const std::string& root() const { return root_; }
  /// 16 random hexadecimal digits.
  std::string make_mark() const;

  /// Calls `work` with a session and how often it failed before, again when it threw what may pass
  /// later. One that stands at `offset` of `path` is taken if there is one.
  template <class Work>
  auto use(const std::string& doing, Work work, const std::string& path = "",
           std::uint64_t offset = 0) {
    return base::with_context([&] { return doing + " in " + store_; },
                              [&] {
                                return retrier_.run([&](int failed) {
                                  for (;;) {
                                    SessionPool::Lease lease(pool_, path, offset);
                                    try {
                                      return work(*lease, failed);
                                    } catch (const base::Error&) {
                                      if (!(*lease).was_turned_away() || !lease.give_up()) throw;
                                    }
                                  }
                                });
                              });
  }
  net::FtpReply run(const std::string& doing, const std::vector<std::string>& commands) {
    return use(doing, [&](net::FtpSession& session, int) { return session.run(commands); });
  }
  /// How folders are listed: what `find_out` says the first time.
  template <class FindOut>
  net::FtpListing listing(FindOut find_out) {
    auto known = listing_.load();
    if (known == Listing::unknown) {
      known = find_out() == net::FtpListing::machines ? Listing::machines : Listing::plain;
      listing_ = known;
    }
    return known == Listing::machines ? net::FtpListing::machines : net::FtpListing::plain;
  }
  /// What a reply means that refuses what must not be refused.
  base::Error error_of(const net::FtpReply& reply, const std::string& doing) const;

private:
  enum class Listing : std::uint8_t { unknown, plain, machines };

  const net::FtpServer server_;
  const FtpsContext context_;
  const std::string store_;
  const std::string root_;
  const base::Retrier retrier_;
  std::atomic<Listing> listing_ = Listing::unknown;
  SessionPool pool_;  // last: sessions use what stands above
};

}  // namespace holdfast::storage
