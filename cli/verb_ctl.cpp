// SPDX-License-Identifier: MIT
// tracectl ctl: speaks with the session that records a capture, over its control socket.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/verbs.hpp"
#include "core/control_client.hpp"
#include "core/units.hpp"
#include "views/out.hpp"

namespace tracectl::cli {
namespace {

using Json = nlohmann::json;

constexpr const char* kFooter =
    "WHAT:\n"
    "  status      what it does now: threads, windows, bytes written, every loss so far\n"
    "  pause       every thread's trace pauses, that of threads to come too, until a resume: this one or a trigger's\n"
    "  resume      every thread's trace goes on, that of threads to come too, until a pause: this one or a trigger's\n"
    "  snapshot    mode = ring: what the buffers of all threads hold is kept, as by SIGUSR2\n"
    "  stop        the session ends, its capture is complete; what it traced runs on, untraced\n"
    "Examples:\n"
    "  tracectl ctl status                     the session that writes tracectl.data\n"
    "  tracectl ctl pause && ./load-data.sh && tracectl ctl resume\n"
    "  tracectl ctl snapshot /tmp/incident     the session of run -o /tmp/incident\n"
    "  tracectl ctl status --json | jq .loss\n"
    "Exit code: 0 done; 1 no session, or it does not answer; 2 what makes no sense in its mode.";

struct Options {
  std::string what, path = "tracectl.data";
  bool json = false;
};

std::string counted(uint64_t n, const char* what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

std::string loss_text(const Json& loss) {
  std::string out;
  for (const auto& [kind, count] : loss.items())
    if (count.get<uint64_t>() != 0) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count.get<uint64_t>(), kind);
  return out.empty() ? "none" : out;
}

std::string thread_text(const Json& t) {
  const int64_t cpu = t.at("cpu").get<int64_t>();
  const std::string who =
      cpu >= 0 ? fmt::format("cpu {}", cpu) : fmt::format("{} / {}", t.at("pid").get<int64_t>(), t.at("tid").get<int64_t>());
  return fmt::format("\n  {:<17} {:<8} {:>9}  {}", who, t.at("state").get<std::string>(),
                     human_size(t.at("bytes").get<uint64_t>()), counted(t.at("windows").get<uint64_t>(), "window"));
}

std::string status_text(const std::string& path, const Json& s) {
  const Json& threads = s.at("threads");
  const uint64_t ended = s.at("threads_ended").get<uint64_t>();
  const std::string hand = s.at("by_hand").is_string() ? " (" + s.at("by_hand").get<std::string>() + " by hand)" : "";
  const bool ring = s.at("mode").get<std::string>() == "ring";
  std::string out =
      fmt::format("session   {}, {} machine, {:.1f} s\nstate     {}{}\n", path, s.at("machine").get<std::string>(),
                  s.at("time_ns").get<double>() / 1e9, s.at("state").get<std::string>(), hand);
  out += fmt::format("written   {} of trace, {} in all\n", human_size(s.at("trace_bytes").get<uint64_t>()),
                     human_size(s.at("file_bytes").get<uint64_t>()));
  out += fmt::format("windows   {}\n", s.at("windows").get<uint64_t>());
  if (ring) out += fmt::format("snapshots {}\n", s.at("snapshots").get<uint64_t>());
  out += fmt::format("loss      {}\nthreads   {}{}", loss_text(s.at("loss")), threads.size(),
                     ended == 0 ? "" : fmt::format(", {} ended", ended));
  for (const Json& t : threads) out += thread_text(t);
  return out;
}

std::string done_text(const std::string& path, ControlCommand command, const Json& done) {
  if (command == ControlCommand::stop)
    return fmt::format("{}: stopped, with {} of trace; what it traced runs on", path,
                       human_size(done.at("bytes").get<uint64_t>()));
  const std::string threads = counted(done.at("threads").get<uint64_t>(), "thread");
  if (command == ControlCommand::snapshot)
    return fmt::format("{}: {} of trace kept, of {}", path, human_size(done.at("bytes").get<uint64_t>()), threads);
  const uint64_t waiting = done.at("waiting").get<uint64_t>();
  return fmt::format("{}: {} {}{}", path, threads, command == ControlCommand::pause ? "paused" : "resumed",
                     waiting == 0 ? "" : fmt::format("; {} of them not yet: at the next system call", waiting));
}

// The session's own refusal, as an error of ours.
Error refusal(const Json& answer) {
  const int kind = answer.at("exit").get<int>();
  return {kind == 2   ? ErrorKind::usage
          : kind == 3 ? ErrorKind::unsupported
                      : ErrorKind::failed,
          answer.at("error").get<std::string>(), answer.at("hint").get<std::string>()};
}

Result<std::string> text_of(const std::string& path, ControlCommand command, const std::string& line, bool json) {
  try {
    const Json answer = Json::parse(line);
    if (!answer.at("ok").get<bool>()) return tl::unexpected<Error>(refusal(answer));
    if (json) return line;
    return command == ControlCommand::status ? status_text(path, answer) : done_text(path, command, answer);
  } catch (const Json::exception& e) {
    return fail(fmt::format("the session on {} gave an answer that cannot be read: {}", path, e.what()),
                "is its tracectl of another version?");
  }
}

int ctl(const Options& options) {
  std::string path = options.path;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const auto command = parse_request(options.what);
  if (!command) return report_error(command.error());
  const auto line = ask_session(path, *command);
  if (!line) return report_error(line.error());
  const auto text = text_of(path, *command, *line, options.json);
  if (!text) return report_error(text.error());
  views::Out out(stdout);
  out.line(*text);
  return out.flush() ? 0 : report_error(fail_errno("cannot write the output").value());
}

}  // namespace

void add_ctl(CLI::App& app, VerbRun& run) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("ctl", "Ask a running session, or tell it: status, pause, resume, snapshot, stop");
  verb->add_option("WHAT", options->what, "status, pause, resume, snapshot or stop")
      ->required()
      ->check(CLI::IsMember({"status", "pause", "resume", "snapshot", "stop"}));
  verb->add_option("CAPTURE", options->path, "the capture directory that it writes")->capture_default_str();
  verb->add_flag("--json", options->json, "the session's answer, one line of JSON");
  verb->footer(kFooter);
  verb->callback([options, &run] { run = [options] { return ctl(*options); }; });
}

}  // namespace tracectl::cli
