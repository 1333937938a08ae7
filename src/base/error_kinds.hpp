#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace holdfast::base {

/// What went wrong, as far as a caller, a script or an HTTP client may want to branch on it.
/// Numbers are never reused.
enum class ErrorKind : std::uint8_t {
  not_found = 1,
  already_exists = 2,
  access_denied = 3,
  corrupt = 4,
  conflict = 5,
  unavailable = 6,
  io = 7,
  invalid_input = 8,
  unsupported = 9,
  no_space = 10,
  wrong_key = 11,
  source_failed = 12,
  tampered = 13,
  frozen = 14,
};

enum class Retry : std::uint8_t { never, later };

/// One row a kind: the only place where exit codes and HTTP statuses are decided.
/// 0 is done, 1 an internal error, 2 wrong usage (invalid_input), 3 a partial run.
struct ErrorKindRow {
  ErrorKind kind;
  std::string_view name;
  std::string_view meaning;
  Retry retry;
  int exit_code;
  int http_status;
};

inline constexpr int exit_done = 0;
inline constexpr int exit_internal = 1;
inline constexpr int exit_partial = 3;
inline constexpr int exit_interrupted = 130;

inline constexpr std::array error_kinds = {
    ErrorKindRow{ErrorKind::invalid_input, "invalid_input", "what was asked for makes no sense",
                 Retry::never, 2, 400},
    ErrorKindRow{ErrorKind::not_found, "not_found", "a named thing does not exist", Retry::never, 4,
                 404},
    ErrorKindRow{ErrorKind::already_exists, "already_exists", "a thing is there already",
                 Retry::never, 5, 409},
    ErrorKindRow{ErrorKind::access_denied, "access_denied", "the rights do not suffice",
                 Retry::never, 6, 403},
    ErrorKindRow{ErrorKind::corrupt, "corrupt", "stored bytes are not what was written",
                 Retry::never, 7, 500},
    ErrorKindRow{ErrorKind::conflict, "conflict", "something else changed the same thing",
                 Retry::later, 8, 409},
    ErrorKindRow{ErrorKind::unavailable, "unavailable", "a store or server does not answer",
                 Retry::later, 9, 503},
    ErrorKindRow{ErrorKind::io, "io", "reading or writing failed", Retry::never, 10, 500},
    ErrorKindRow{ErrorKind::unsupported, "unsupported", "this version cannot do that", Retry::never,
                 11, 501},
    ErrorKindRow{ErrorKind::no_space, "no_space", "a disk or quota is full", Retry::never, 12, 507},
    ErrorKindRow{ErrorKind::wrong_key, "wrong_key", "no key slot opens with this passphrase",
                 Retry::never, 13, 401},
    ErrorKindRow{ErrorKind::source_failed, "source_failed", "a source could not be read",
                 Retry::later, 14, 502},
    ErrorKindRow{ErrorKind::tampered, "tampered", "the store does not have what it had before",
                 Retry::never, 15, 409},
    ErrorKindRow{ErrorKind::frozen, "frozen", "it must be thawed before it can be read",
                 Retry::never, 16, 409},
};

const ErrorKindRow& row_of(ErrorKind kind);

}  // namespace holdfast::base
