#pragma once

#include "arguments.hpp"
#include "session.hpp"

#include <string>

namespace holdfast::cli {

/// One command: its words for people, what it accepts, what it does.
class Command {
public:
  virtual ~Command() = default;
  virtual std::string name() const = 0;
  /// One line, beginning with a verb.
  virtual std::string summary() const = 0;
  /// Lines of "  holdfast ...   what it does".
  virtual std::string examples() const = 0;
  /// Binds options to members, which keep their defaults when not given.
  virtual void declare(Arguments& arguments) = 0;
  /// Adds its fields to the console's JSON object. Returns the exit code.
  /// Errors: what went wrong; Cancelled.
  virtual int run(Session& session) = 0;
  /// Whether it only reads the repository, so that a copy of it does as well.
  virtual bool only_reads() const { return false; }
  /// What a person should know after an interruption: what the next run will do.
  virtual std::string after_interruption() const { return "nothing was changed"; }
};

}  // namespace holdfast::cli
