// SPDX-License-Identifier: MIT
#include "cli/plan_options.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "config/parse.hpp"
#include "config/resolve.hpp"

namespace tracectl::cli {
namespace {

using Values = std::vector<OptionValue>;

Result<std::string> read_text(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(path == "-" ? stdin : std::fopen(path.c_str(), "rbe"),
                                                   [](FILE* f) { return f == stdin ? 0 : std::fclose(f); });
  if (!file)
    return fail_errno(fmt::format("cannot open plan {}", path), "tracectl new > plan.toml writes one to start from");
  std::string text;
  std::array<char, 4096> bytes{};
  for (size_t n = 0; (n = std::fread(bytes.data(), 1, bytes.size(), file.get())) > 0;) text.append(bytes.data(), n);
  if (std::ferror(file.get()) != 0) return fail_errno(fmt::format("cannot read plan {}", path));
  return text;
}

std::shared_ptr<const SourceText> named(const std::string& option, const std::string& text) {
  return std::make_shared<const SourceText>(SourceText{option, text});
}

SourceRef place(const std::shared_ptr<const SourceText>& source, size_t begin, size_t length) {
  return {source, 1, static_cast<unsigned>(begin) + 1, static_cast<unsigned>(length == 0 ? 1 : length)};
}

// "from=A,to=B": a comma divides only where a key of [[window]] and '=' follow, so that the
// commas of an event's terms stay in its value.
Values split_window(const std::shared_ptr<const SourceText>& source) {
  const std::string& text = source->text;
  static constexpr const char* kKeys[] = {"name", "limit", "function", "syscall", "from", "to", "longer_than"};
  const auto key_at = [&](size_t at) {
    for (const char* key : kKeys)
      if (text.compare(at, std::string(key).size() + 1, std::string(key) + "=") == 0) return true;
    return false;
  };
  Values out;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find(',', begin);
    while (end != std::string::npos && !key_at(end + 1)) end = text.find(',', end + 1);
    if (end == std::string::npos) end = text.size();
    const size_t equals = std::min(text.find('=', begin), end);
    const size_t value = std::min(equals + 1, end);
    out.push_back({text.substr(begin, equals - begin), text.substr(value, end - value), place(source, value, end - value)});
    begin = end + 1;
  }
  return out;
}

void read_window(Plan& plan, const std::string& text, Diagnostics& diagnostics) {
  const auto source = named("--window", text);
  read_option(plan, "window", place(source, 0, text.size()), split_window(source), diagnostics);
}

// "ON=ACTION"; an `on` may hold '=' itself, so the last one divides.
void read_trigger(Plan& plan, const std::string& text, Diagnostics& diagnostics) {
  const auto source = named("--trigger", text);
  const size_t equals = text.rfind('=');
  if (equals == std::string::npos)
    return diagnostics.error(place(source, 0, text.size()), "this trigger does not say what to do",
                             "write ON=ACTION, for example breakpoint:app:f=resume; actions: resume, pause, snapshot");
  read_option(plan, "trigger", place(source, 0, text.size()),
              {{"on", text.substr(0, equals), place(source, 0, equals)},
               {"do", text.substr(equals + 1), place(source, equals + 1, text.size() - equals - 1)}},
              diagnostics);
}

void read_single(Plan& plan, const char* table, const char* key, const std::string& text, Diagnostics& diagnostics) {
  if (text.empty()) return;
  const auto source = named(std::string("--") + key, text);
  const SourceRef at = place(source, 0, text.size());
  read_option(plan, table, at, {{key, text, at}}, diagnostics);
}

std::string toml_string(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + "\"";
}

// The plan file that says what the options say; the capture keeps it.
std::string as_plan_file(const PlanOptions& options) {
  std::string out = "# made from command-line options\nplan = 1\n";
  const auto line = [&](const char* key, const std::string& value) {
    return value.empty() ? "" : fmt::format("{} = {}\n", key, toml_string(value));
  };
  const std::string keys = line("machine", options.machine) + line("scope", options.scope) + line("start", options.start);
  if (!keys.empty()) out += "[trace]\n" + keys;
  if (!options.size.empty()) out += "[buffer]\n" + line("size", options.size);
  return out + trigger_tables(options);
}

Target target_of(const PlanOptions& options) {
  if (!options.pids.empty()) return {TargetKind::process, options.pids, ""};
  if (!options.tids.empty()) return {TargetKind::thread, options.tids, ""};
  if (options.all_cpus) return {TargetKind::cpus, {}, ""};
  if (!options.cgroup.empty()) return {TargetKind::cgroup, {}, options.cgroup};
  return {};
}

// The program of a process that runs; it may have been deleted since.
Result<ProgramFacts> running_program(int32_t id) {
  const std::string link = fmt::format("/proc/{}/exe", id);
  if (access(fmt::format("/proc/{}", id).c_str(), F_OK) != 0)
    return fail_usage(fmt::format("there is no process or thread {}", id), "ps -eLf lists them");
  auto facts = read_program(link, "");
  if (!facts)
    return fail_unsupported(fmt::format("cannot see which program {} runs: {}", id, facts.error().what),
                            "it is a kernel thread, or another user's: run as that user or as root");
  std::error_code error;
  if (const auto path = std::filesystem::read_symlink(link, error); !error) facts->path = path.string();
  return facts;
}

Result<ProgramFacts> program_facts(const Plan& plan) {
  if (!plan.target.ids.empty()) return running_program(plan.target.ids.front());
  if (!plan.command || plan.command.value->empty()) return ProgramFacts{};
  return read_program(plan.command.value->front(), search_path());
}

}  // namespace

std::string trigger_tables(const PlanOptions& options) {
  std::string out;
  for (const std::string& text : options.triggers) {
    const size_t equals = std::min(text.rfind('='), text.size());
    out += fmt::format("[[trigger]]\non = {}\ndo = {}\n", toml_string(text.substr(0, equals)),
                       toml_string(text.substr(std::min(equals + 1, text.size()))));
  }
  for (const std::string& text : options.windows) {
    out += "[[window]]\n";
    for (const OptionValue& value : split_window(named("--window", text)))
      out += fmt::format("{} = {}\n", value.key, value.key == "limit" ? value.text : toml_string(value.text));
  }
  return out;
}

void add_window_options(CLI::App& verb, PlanOptions& options) {
  const auto repeatable = [&](const char* name, std::vector<std::string>& values, const char* help, const char* word) {
    verb.add_option(name, values, help)->option_text(word)->allow_extra_args(false);
  };
  repeatable("--window", options.windows, "trace only inside: function=OBJECT:SYMBOL, syscall=NAME, or from=ON,to=ON",
             "WHAT");
  repeatable("--trigger", options.triggers, "an event and its action, such as breakpoint:app:f=resume", "ON=ACTION");
}

void add_plan_options(CLI::App& verb, PlanOptions& options) {
  verb.add_option("plan", options.plan_file, "plan file; - reads standard input")->option_text("[PLAN.toml]");
  add_window_options(verb, options);
  verb.add_option("--machine", options.machine, "auto, kernel or emulated")->option_text("NAME");
  verb.add_option("--scope", options.scope, "user, kernel or all")->option_text("NAME");
  verb.add_option("--start", options.start, "paused or running")->option_text("HOW");
  auto* pid = verb.add_option("-p,--pid", options.pids, "trace running processes, all their threads")->delimiter(',');
  auto* tid = verb.add_option("-t,--tid", options.tids, "trace running threads alone")->delimiter(',');
  auto* all = verb.add_flag("-a,--all-cpus", options.all_cpus, "trace all that runs");
  auto* cgroup = verb.add_option("--cgroup", options.cgroup, "trace what runs in this cgroup")->option_text("PATH");
  for (auto* one : {pid, tid, cgroup}) one->option_text(one == cgroup ? "PATH" : "N,...")->allow_extra_args(false);
  for (auto* one : {pid, tid, all, cgroup})
    for (auto* other : {pid, tid, all, cgroup})
      if (one != other) one->excludes(other);
  verb.add_option("--size", options.size, "each trace buffer, such as 4MiB")->option_text("SIZE");
}

Result<Plan> build_plan(const PlanOptions& options, const std::vector<std::string>& command, Diagnostics& diagnostics) {
  Plan plan;
  if (!options.plan_file.empty()) {
    auto text = read_text(options.plan_file);
    if (!text) return tl::unexpected<Error>(text.error());
    const std::string name = options.plan_file == "-" ? "(standard input)" : options.plan_file;
    auto parsed = parse_plan(std::make_shared<const SourceText>(SourceText{name, std::move(*text)}), diagnostics);
    if (!parsed) return plan;  // not TOML: the diagnostics say so
    plan = std::move(*parsed);
  }
  for (const std::string& text : options.windows) read_window(plan, text, diagnostics);
  for (const std::string& text : options.triggers) read_trigger(plan, text, diagnostics);
  read_single(plan, "trace", "machine", options.machine, diagnostics);
  read_single(plan, "trace", "scope", options.scope, diagnostics);
  read_single(plan, "trace", "start", options.start, diagnostics);
  read_single(plan, "buffer", "size", options.size, diagnostics);
  plan.target = target_of(options);
  // A plan's command is for itself alone.
  if (plan.target.kind != TargetKind::command) plan.command = {};
  if (!command.empty()) plan.command = {command, {}};
  return plan;
}

Result<LoadedPlan> load_plan(const PlanOptions& options) {
  Diagnostics diagnostics;
  auto plan = build_plan(options, command_after_dashes(), diagnostics);
  if (!plan) return tl::unexpected<Error>(plan.error());
  LoadedPlan loaded;
  if (auto program = program_facts(*plan); program)
    loaded.program = std::move(*program);
  else if (plan->target.kind != TargetKind::command)
    return tl::unexpected<Error>(program.error());
  else
    loaded.command_error = std::move(program.error());
  loaded.host = read_host();
  probe_host(loaded.host);
  // A text that could not be read is not resolved: what it lacks would be reported as well.
  const bool readable = options.plan_file.empty() || plan->source != nullptr;
  auto resolved = readable ? resolve(*plan, loaded.host, loaded.program, diagnostics) : std::nullopt;
  std::fputs(diagnostics.text().c_str(), stderr);
  if (!resolved) {
    const size_t n = diagnostics.error_count();
    return tl::unexpected<Error>(Error{static_cast<ErrorKind>(diagnostics.exit_code()),
                                       fmt::format("the plan has {} error{}", n, n == 1 ? "" : "s"), ""});
  }
  if (options.plan_file.empty()) resolved->source_text = as_plan_file(options);
  loaded.plan = std::move(*resolved);
  return loaded;
}

}  // namespace tracectl::cli
