// For tests: hands on what is asked of a session, and changes what goes out or comes back.
#pragma once

#include "storage/ftps/ftps_backend.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::storage {

class MeddlingSession final : public net::FtpSession {
public:
  using Do = const std::function<net::FtpReply()>&;
  /// Is given "STOR path", "RNFR a RNTO b", ..., and what would be done, which gives the reply.
  using Meddle = std::function<net::FtpReply(const std::string& command, Do go_on)>;

  MeddlingSession(std::unique_ptr<net::FtpSession> real, const Meddle& meddle)
      : real_(std::move(real)), meddle_(meddle) {}

  net::FtpReply run(const std::vector<std::string>& commands) override {
    std::string all;
    for (const auto& command : commands)
      all += (all.empty() ? "" : " ") + command;
    return meddle_(all, [&] { return real_->run(commands); });
  }
  net::FtpReply send(const std::string& path, std::uint64_t offset, base::ByteView bytes) override {
    return meddle_("STOR " + path, [&] { return real_->send(path, offset, bytes); });
  }
  net::FtpReply receive(const std::string& path, std::uint64_t offset, base::MutableBytes into,
                        std::size_t& count) override {
    return meddle_("RETR " + path, [&] { return real_->receive(path, offset, into, count); });
  }
  net::FtpReply list(const std::string& folder, net::FtpListing how, base::Bytes& listing,
                     std::size_t size_max) override {
    return meddle_("LIST " + folder, [&] { return real_->list(folder, how, listing, size_max); });
  }
  bool stands_at(const std::string& path, std::uint64_t offset) const override {
    return real_->stands_at(path, offset);
  }
  bool is_reading() const override { return real_->is_reading(); }
  bool was_turned_away() const override { return real_->was_turned_away(); }

private:
  const std::unique_ptr<net::FtpSession> real_;
  const Meddle meddle_;
};

inline MakeFtpSession meddling(MakeFtpSession make, MeddlingSession::Meddle meddle) {
  return [make = std::move(make), meddle = std::move(meddle)](const net::FtpServer& server) {
    return std::make_unique<MeddlingSession>(make(server), meddle);
  };
}

}  // namespace holdfast::storage
