#include "copies/copy.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "commands.hpp"
#include "copy_report.hpp"
#include "copy_targets.hpp"
#include "seen_copy.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <optional>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::uint32_t streams_max = 64;

class CopyCommand final : public Command {
public:
  std::string name() const override { return "copy"; }
  std::string summary() const override { return "Bring copies of the repository up to date"; }
  std::string examples() const override {
    return "  holdfast copy                            all copies that holdfast.yaml lists\n"
           "  holdfast copy usb                        one of them, say a disk just connected\n"
           "  holdfast copy sftp://backup@nas/holdfast --create\n"
           "  holdfast copy --prune                    and free there what was pruned here\n"
           "  holdfast copy nas --dry-run              what it lacks\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positionals("STORE", stores_, "names from 'stores' in holdfast.yaml, or URLs",
                          Completes::directories);
    arguments.flag("--create", create_, "begin a copy where there is none yet");
    arguments.flag("--read-back", options_.read_back,
                   "read every pack again from the copy after it was sent");
    arguments.flag("--prune", prune_,
                   "then delete what the repository has deleted and nothing there needs");
    arguments.flag("--remove-keys", options_.remove_slots,
                   "remove key slots from the copy that the repository has no more");
    arguments.count("--streams", streams_, "packs sent at the same time (default: 4)");
    arguments.flag("-n,--dry-run", dry_run_, "show what the copy lacks and send nothing");
  }

  int run(Session& session) override {
    if (streams_ && (*streams_ == 0 || *streams_ > streams_max)) {
      throw Error(ErrorKind::invalid_input, fmt::format("--streams must be 1 to {}", streams_max));
    }
    options_.streams = streams_.value_or(options_.streams);
    const auto targets = copy_targets(session, stores_);
    CopyStores stores(session);
    options_.open_store = [&](const std::string& name) { return stores.find(name); };
    auto& console = session.console();
    console.json().field("dry_run", dry_run_);
    return for_each_copy(
        session, "copies", targets,
        [&](const CopyTarget& target) { return report_copy(console, bring_up(session, target)); },
        [&](const CopyTarget& target, const Failure& failure) {
          CopyResult result{target.name};
          result.failure = failure;
          static_cast<void>(report_copy(console, result));
        });
  }

  std::string after_interruption() const override {
    return "what was sent is there; the next copy goes on from it";
  }

private:
  CopyResult bring_up(Session& session, const CopyTarget& target) const {
    auto& repository = session.repository();
    CopyResult result{target.name};
    const auto store = open_copy_store(session, target, create_);
    if (dry_run_) {
      result.plan = copies::plan_copy(repository, *store);
      return result;
    }
    result.report =
        copies::run_copy(repository, *store, options_, session.progress(), session.stopping());
    if (prune_) {
      const auto opened = session.open_copy(*store, std::nullopt);
      result.collected = copies::collect_copy(repository, *opened, target.name, session.progress(),
                                              session.stopping());
    }
    // What it has now must be known when it is away.
    if (target.offline) look_at_copy(session, target);
    return result;
  }

  std::vector<std::string> stores_;
  copies::CopyOptions options_;
  bool create_ = false;
  bool prune_ = false;
  bool dry_run_ = false;
  std::optional<std::uint32_t> streams_;
};

}  // namespace

std::unique_ptr<Command> make_copy_command() { return std::make_unique<CopyCommand>(); }

}  // namespace holdfast::cli
