// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/verbs.hpp"
#include "core/capture/repair.hpp"
#include "core/units.hpp"
#include "views/out.hpp"

namespace tracectl::cli {
namespace {

constexpr const char* kFooter =
    "tracectl's own verbs read a damaged capture as it is; perf needs it repaired. The trace stays what it\n"
    "was, byte for byte; what is missing stays counted as loss (cut_file). What stands behind the last whole\n"
    "record moves to a file data.cut-OFFSET beside it: nothing is thrown away.\n"
    "Examples:\n"
    "  tracectl repair                    tracectl.data, after a crash\n"
    "  tracectl repair old.data --json    what was done, as JSON\n"
    "Exit code: 0 repaired, or nothing to do; 1 no capture, or nothing left to save.";

struct Options {
  std::string path = "tracectl.data";
  bool json = false;
};

std::string as_json(const std::string& path, const capture::Repair& r) {
  nlohmann::ordered_json out;
  out["capture"] = path;
  out["repaired"] = r.changed;
  out["records"] = r.records;
  out["trace_bytes"] = r.trace_bytes;
  out["cut_bytes"] = r.cut_bytes;
  out["kept_in"] = r.kept_in.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(r.kept_in);
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string as_text(const std::string& path, const capture::Repair& r) {
  const std::string holds = fmt::format("{} records, {} of trace", r.records, human_size(r.trace_bytes));
  if (!r.changed) return fmt::format("{} is whole ({}): nothing to repair", path, holds);
  std::string out = fmt::format("{} repaired: {}; size, features and index written", path, holds);
  if (r.cut_bytes != 0)
    out += fmt::format("\n{} bytes behind the last whole record moved to {}/{}", r.cut_bytes, path, r.kept_in);
  return out + "\nloss: cut_file: what the recorder had not yet written is missing";
}

int repair_capture(const Options& options) {
  std::string path = options.path;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const auto repaired = capture::repair(path);
  if (!repaired) return report_error(repaired.error());
  views::Out out(stdout);
  out.line(options.json ? as_json(path, *repaired) : as_text(path, *repaired));
  return out.flush() ? 0 : report_error(fail_errno("cannot write the output").value());
}

}  // namespace

void add_repair(CLI::App& app, VerbRun& run) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("repair", "Make perf read a capture that a crash left, or that lacks its end");
  verb->add_option("CAPTURE", options->path, "a capture directory")->capture_default_str();
  verb->add_flag("--json", options->json, "what was done, as JSON");
  verb->footer(kFooter);
  verb->callback([options, &run] { run = [options] { return repair_capture(*options); }; });
}

}  // namespace tracectl::cli
