#pragma once

#include "repository/repository.hpp"

#include <memory>
#include <string>

namespace holdfast::repository {

/// Keeps what is in the repository from being deleted while something long reads it. Nobody is kept
/// from anything else, and it ends by itself when this program does. Where the store cannot be
/// written to there is none, and the reader goes on without.
class ReaderLease {
public:
  enum class Renewing : std::uint8_t { by_thread, never };

  /// `purpose` is for people who wonder why a prune waits: "restore", "check".
  ReaderLease(Repository& repository, const std::string& purpose,
              Renewing renewing = Renewing::by_thread);
  ~ReaderLease();
  bool is_held() const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::repository
