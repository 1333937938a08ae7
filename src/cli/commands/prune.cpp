#include "commands.hpp"
#include "prune_run.hpp"

namespace holdfast::cli {

namespace {

class PruneCommand final : public Command {
public:
  std::string name() const override { return "prune"; }
  std::string summary() const override { return "Free the space of what no snapshot needs"; }
  std::string examples() const override {
    return "  holdfast prune --dry-run                 what would go, and why\n"
           "  holdfast prune                           backups may run meanwhile\n"
           "  holdfast prune --max-repack 20GiB --wait\n";
  }

  void declare(Arguments& arguments) override {
    arguments.flag("-n,--dry-run", dry_run_, "show the plan and delete nothing");
    arguments.flag("-y,--yes", yes_, "do not ask, even when most of what is stored goes");
    run_.declare(arguments);
  }

  int run(Session& session) override {
    session.console().json().field("dry_run", dry_run_);
    return run_.run(session, dry_run_, yes_);
  }

  std::string after_interruption() const override {
    return "nothing that is needed was deleted; the next prune goes on from here";
  }

private:
  PruneRun run_;
  bool dry_run_ = false;
  bool yes_ = false;
};

}  // namespace

std::unique_ptr<Command> make_prune_command() { return std::make_unique<PruneCommand>(); }

}  // namespace holdfast::cli
