// SPDX-License-Identifier: MIT
// Value to Plan: the key tables of the language, one per TOML table, and what each key takes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "config/hints.hpp"
#include "config/parse.hpp"
#include "config/value.hpp"
#include "core/units.hpp"

namespace tracectl {
namespace {

constexpr const char* kText = "a string";
constexpr const char* kTexts = "an array of strings";
constexpr const char* kBool = "true or false";
constexpr const char* kCount = "a whole number, 0 or more";
constexpr const char* kSize = "a size with a unit, such as \"4MiB\"";
constexpr const char* kDuration = "a duration with a unit, such as \"1.5ms\"";

// A reader sets the field's place even when it refuses the value, so that nobody reports the
// key as missing too.
struct Context {
  Diagnostics& diagnostics;
  std::string key;          // of the value being read
  const char* values = "";  // what it takes

  void wrong_type(const Value& v, const std::string& hint = {}) {
    if (v.kind == Value::Kind::unreadable) return;  // its syntax error says so
    diagnostics.error(v.at, fmt::format("{} is {}, not {}", key, values, name_of(v.kind)),
                      hint.empty() ? type_hint(key, values, v) : hint);
  }
};

void read(Context& c, const Value& v, Field<std::string>& out) {
  out = {{}, v.at};
  if (v.kind != Value::Kind::string) return c.wrong_type(v);
  const std::array needed = {"on", "function", "syscall", "from", "to"};
  if (v.text.empty())
    return c.diagnostics.error(v.at, fmt::format("{} is empty", c.key),
                               std::find(needed.begin(), needed.end(), c.key) != needed.end()
                                   ? "`tracectl new` prints a plan with examples of each"
                                   : "leave the key out for its default");
  out = {v.text, v.at};
}
void read(Context& c, const Value& v, Field<bool>& out) {
  out = {{}, v.at};
  if (v.kind != Value::Kind::boolean) return c.wrong_type(v);
  out = {v.boolean, v.at};
}
void read(Context& c, const Value& v, Field<std::vector<std::string>>& out) {
  out = {{}, v.at};
  if (v.kind != Value::Kind::array) return c.wrong_type(v);
  out = {std::vector<std::string>{}, v.at};
  for (const Value& item : v.items) {
    if (item.kind == Value::Kind::string)
      out.value->push_back(item.text);
    else
      c.diagnostics.error(item.at, fmt::format("{} is {}; this element is {}", c.key, c.values, name_of(item.kind)));
  }
}
void read_count(Context& c, const Value& v, Field<uint64_t>& out) {
  out = {{}, v.at};
  if (v.kind != Value::Kind::integer) return c.wrong_type(v);
  if (v.integer < 0) return c.diagnostics.error(v.at, fmt::format("{} is {}, not {}", c.key, c.values, v.integer));
  out = {static_cast<uint64_t>(v.integer), v.at};
}
void read_size(Context& c, const Value& v, Field<uint64_t>& out) {
  out = {{}, v.at};
  if (v.kind != Value::Kind::string) return c.wrong_type(v);
  const auto size = parse_size(v.text);
  if (!size) return c.diagnostics.error(v.at, size.error().what, size.error().hint);
  if (*size == 0) return c.diagnostics.error(v.at, fmt::format("{} is 0", c.key), "leave the key out for its default");
  out = {*size, v.at};
}
void read_auto_size(Context& c, const Value& v, Field<uint64_t>& out) {
  if (v.kind != Value::Kind::string || v.text != "auto") read_size(c, v, out);
}
void read(Context& c, const Value& v, Field<std::chrono::nanoseconds>& out) {
  out = {{}, v.at};
  if (v.kind != Value::Kind::string) return c.wrong_type(v);
  const auto duration = parse_duration(v.text);
  if (!duration) return c.diagnostics.error(v.at, duration.error().what, duration.error().hint);
  out = {*duration, v.at};
}

template <class E>
struct Choice {
  const char* name;
  std::optional<E> value;  // nullopt: auto
};

template <class E, size_t N>
void read_choice(Context& c, const Value& v, const Choice<E> (&choices)[N], Field<E>& out) {
  out = {{}, v.at};
  if (v.kind != Value::Kind::string) return c.wrong_type(v);
  std::vector<std::string> names;
  for (const auto& choice : choices) {
    names.emplace_back(choice.name);
    if (v.text == choice.name) {
      out = {choice.value, v.at};
      return;
    }
  }
  const std::string near = meant_word(v.text, names);
  c.diagnostics.error(v.at, fmt::format("{} is {}, not \"{}\"", c.key, c.values, v.text),
                      near.empty() ? "" : fmt::format("did you mean \"{}\"?", near));
}

constexpr Choice<BackendKind> kBackends[] = {
    {"auto", {}}, {"intel_pt", BackendKind::intel_pt}, {"coresight", BackendKind::coresight}};
constexpr Choice<MachineKind> kMachines[] = {
    {"auto", {}}, {"kernel", MachineKind::kernel}, {"emulated", MachineKind::emulated}};
constexpr Choice<Scope> kScopes[] = {{"user", Scope::user}, {"kernel", Scope::kernel}, {"all", Scope::all}};
constexpr Choice<StartMode> kStarts[] = {{"paused", StartMode::paused}, {"running", StartMode::running}};
constexpr Choice<ThreadMode> kThreads[] = {{"exact", ThreadMode::exact}, {"per-cpu", ThreadMode::per_cpu}};
constexpr Choice<BufferMode> kModes[] = {{"full", BufferMode::full}, {"ring", BufferMode::ring}};
constexpr Choice<BufferPages> kPages[] = {
    {"auto", {}}, {"scatter", BufferPages::scatter}, {"contiguous", BufferPages::contiguous}};
constexpr Choice<OnFull> kOnFull[] = {{"wait", OnFull::wait}, {"stop", OnFull::stop}, {"drop", OnFull::drop}};
constexpr Choice<Action> kActions[] = {{"resume", Action::resume}, {"pause", Action::pause}, {"snapshot", Action::snapshot}};
constexpr Choice<BreakAccess> kAccesses[] = {
    {"x", BreakAccess::execute}, {"w", BreakAccess::write}, {"rw", BreakAccess::read_write}};

template <class T>
struct Key {
  const char* name;
  const char* values;
  void (*read)(Context&, const Value&, T&);
};

// What reads a field: by its own type, as a count, as a size, or as one of a table's words.
template <auto field, class T>
void set(Context& c, const Value& v, T& t) {
  read(c, v, t.*field);
}
template <auto field, class T>
void set_count(Context& c, const Value& v, T& t) {
  read_count(c, v, t.*field);
}
template <auto field, class T>
void set_size(Context& c, const Value& v, T& t) {
  read_size(c, v, t.*field);
}
template <auto field, const auto& table, class T>
void set_choice(Context& c, const Value& v, T& t) {
  read_choice(c, v, table, t.*field);
}

void read_version(Context& c, const Value& v, Plan& plan) {
  if (v.kind != Value::Kind::integer) return c.wrong_type(v, "write plan = 1");
  plan.version = {v.integer, v.at};
  if (v.integer != 1)
    c.diagnostics.error(v.at, fmt::format("plan language version {} is not known", v.integer),
                        "this tracectl reads plan = 1");
}

constexpr Key<Plan> kTop[] = {{"plan", "1, the language version", read_version}, {"title", kText, set<&Plan::title>}};
constexpr Key<Plan> kTarget[] = {
    {"command", kTexts, set<&Plan::command>}, {"user", kText, set<&Plan::user>}, {"follow", kBool, set<&Plan::follow>}};
constexpr Key<Plan> kTrace[] = {{"backend", "auto, intel_pt or coresight", set_choice<&Plan::backend, kBackends>},
                                {"machine", "auto, kernel or emulated", set_choice<&Plan::machine, kMachines>},
                                {"scope", "user, kernel or all", set_choice<&Plan::scope, kScopes>},
                                {"start", "paused or running", set_choice<&Plan::start, kStarts>},
                                {"threads", "exact or per-cpu", set_choice<&Plan::threads, kThreads>},
                                {"filter", kTexts, set<&Plan::address_filters>}};
constexpr Key<PlanIntelPt> kIntelPt[] = {{"tsc", kBool, set<&PlanIntelPt::tsc>},
                                         {"cyc", kBool, set<&PlanIntelPt::cyc>},
                                         {"mtc", kBool, set<&PlanIntelPt::mtc>},
                                         {"noretcomp", kBool, set<&PlanIntelPt::noretcomp>},
                                         {"ptw", kBool, set<&PlanIntelPt::ptw>},
                                         {"fup_on_ptw", kBool, set<&PlanIntelPt::fup_on_ptw>},
                                         {"pwr_evt", kBool, set<&PlanIntelPt::pwr_evt>},
                                         {"branch", kBool, set<&PlanIntelPt::branch>},
                                         {"event", kBool, set<&PlanIntelPt::event>},
                                         {"notnt", kBool, set<&PlanIntelPt::notnt>},
                                         {"mtc_period", kCount, set_count<&PlanIntelPt::mtc_period>},
                                         {"cyc_thresh", kCount, set_count<&PlanIntelPt::cyc_thresh>},
                                         {"psb_period", kCount, set_count<&PlanIntelPt::psb_period>}};
constexpr Key<PlanCoresight> kCoresight[] = {{"sink", kText, set<&PlanCoresight::sink>},
                                             {"source", "ete or etmv4", set<&PlanCoresight::source>},
                                             {"cycacc", kBool, set<&PlanCoresight::cycacc>},
                                             {"timestamp", kBool, set<&PlanCoresight::timestamp>},
                                             {"contextid", kBool, set<&PlanCoresight::contextid>},
                                             {"retstack", kBool, set<&PlanCoresight::retstack>},
                                             {"branch_broadcast", kBool, set<&PlanCoresight::branch_broadcast>},
                                             {"preset", kCount, set_count<&PlanCoresight::preset>},
                                             {"configid", kText, set<&PlanCoresight::configid>},
                                             {"cc_threshold", kCount, set_count<&PlanCoresight::cc_threshold>},
                                             {"metadata", kCount, set_count<&PlanCoresight::metadata>}};
constexpr Key<PlanBuffer> kBuffer[] = {{"size", kSize, set_size<&PlanBuffer::size>},
                                       {"data", kSize, set_size<&PlanBuffer::data>},
                                       {"mode", "full or ring", set_choice<&PlanBuffer::mode, kModes>},
                                       {"pages", "auto, scatter or contiguous", set_choice<&PlanBuffer::pages, kPages>},
                                       {"wakeup", "auto or a size with a unit",
                                        [](Context& c, const Value& v, PlanBuffer& b) { read_auto_size(c, v, b.wakeup); }},
                                       {"on_full", "wait, stop or drop", set_choice<&PlanBuffer::on_full, kOnFull>},
                                       {"total", kSize, set_size<&PlanBuffer::total>}};
constexpr Key<PlanLimits> kLimits[] = {{"duration", kDuration, set<&PlanLimits::duration>},
                                       {"bytes", kSize, set_size<&PlanLimits::bytes>},
                                       {"windows", kCount, set_count<&PlanLimits::windows>}};
constexpr Key<PlanCollect> kCollect[] = {{"every", kDuration, set<&PlanCollect::every>},
                                         {"for", kDuration, set<&PlanCollect::length>},
                                         {"max_bytes", kSize, set_size<&PlanCollect::max_bytes>}};
constexpr Key<PlanTrigger> kTrigger[] = {{"name", kText, set<&PlanTrigger::name>},
                                         {"on", kText, set<&PlanTrigger::on>},
                                         {"do", "resume, pause or snapshot", set_choice<&PlanTrigger::action, kActions>},
                                         {"filter", kText, set<&PlanTrigger::filter>},
                                         {"access", "x, w or rw", set_choice<&PlanTrigger::access, kAccesses>},
                                         {"len", kCount, set_count<&PlanTrigger::len>},
                                         {"period", kCount, set_count<&PlanTrigger::period>},
                                         {"size", kSize, set_size<&PlanTrigger::size>},
                                         {"limit", kCount, set_count<&PlanTrigger::limit>}};
constexpr Key<PlanWindow> kWindow[] = {{"name", kText, set<&PlanWindow::name>},
                                       {"limit", kCount, set_count<&PlanWindow::limit>},
                                       {"function", kText, set<&PlanWindow::function>},
                                       {"syscall", kText, set<&PlanWindow::syscall>},
                                       {"from", kText, set<&PlanWindow::from>},
                                       {"to", kText, set<&PlanWindow::to>},
                                       {"longer_than", kDuration, set<&PlanWindow::longer_than>}};

// Which tables stand inside a table, besides its keys.
const std::vector<std::string> kTopTables = {"target", "trace", "buffer", "limits", "collect", "trigger", "window"};
const std::vector<std::string> kTraceTables = {"intel_pt", "coresight"};

std::string unknown_key_hint(const Entry& entry, std::vector<std::string> names, const std::vector<std::string>& tables) {
  const bool is_key = entry.value.kind != Value::Kind::table && entry.value.kind != Value::Kind::array;
  std::string elsewhere = elsewhere_hint(entry.key);
  if (!elsewhere.empty() && (is_key || entry.key == "command" || entry.key == "filter")) return elsewhere;
  const std::string near = nearest(entry.key, names);
  if (near == "window" || near == "trigger") return fmt::format("did you mean [[{}]]?", near);
  const bool is_table = std::find(tables.begin(), tables.end(), near) != tables.end();
  if (!near.empty()) return fmt::format(fmt::runtime(is_table ? "did you mean [{}]?" : "did you mean \"{}\"?"), near);
  std::sort(names.begin(), names.end());
  return fmt::format("keys: {}", fmt::join(names, ", "));
}

template <class T, size_t N>
void read_keys(Diagnostics& diagnostics, const std::string& table, const Value& v, const Key<T> (&keys)[N], T& out,
               const std::vector<std::string>& subtables = {}) {
  std::vector<std::string> names = subtables;
  for (const Key<T>& key : keys) names.emplace_back(key.name);
  for (const Entry& entry : v.entries) {
    const auto key = std::find_if(std::begin(keys), std::end(keys), [&](const Key<T>& k) { return entry.key == k.name; });
    if (key != std::end(keys)) {
      Context context{diagnostics, entry.key, key->values};
      key->read(context, entry.value, out);
    } else if (std::find(subtables.begin(), subtables.end(), entry.key) == subtables.end()) {
      const std::string where = table.empty() ? "at the top of a plan" : fmt::format("in [{}]", table);
      diagnostics.error(entry.key_at, fmt::format("unknown key \"{}\" {}", entry.key, where),
                        unknown_key_hint(entry, names, subtables));
    }
  }
}

const Entry* find_entry(const Value& v, const char* name) {
  const auto found = std::find_if(v.entries.begin(), v.entries.end(), [&](const Entry& e) { return e.key == name; });
  return found == v.entries.end() ? nullptr : &*found;
}

// The table `name` of `v`; null when absent or not a table (then that is reported).
const Value* find_table(Diagnostics& diagnostics, const Value& v, const char* name, const std::string& path) {
  const Entry* entry = find_entry(v, name);
  if (entry == nullptr) return nullptr;
  if (entry->value.kind == Value::Kind::table) return &entry->value;
  if (entry->value.kind == Value::Kind::unreadable) return nullptr;
  diagnostics.error(entry->key_at, fmt::format("{} is a table, not {}", path, name_of(entry->value.kind)),
                    fmt::format("write [{}] once", path));
  return nullptr;
}

template <class T, size_t N>
void read_array(Diagnostics& diagnostics, const Value& root, const char* name, const Key<T> (&keys)[N],
                std::vector<T>& out) {
  const Entry* entry = find_entry(root, name);
  if (entry == nullptr || entry->value.kind == Value::Kind::unreadable) return;
  const auto complain = [&](const SourceRef& at) {
    diagnostics.error(at, fmt::format("{} is an array of tables", name), fmt::format("write [[{}]]", name));
  };
  if (entry->value.kind != Value::Kind::array) return complain(entry->key_at);
  for (const Value& item : entry->value.items) {
    if (item.kind != Value::Kind::table) {
      complain(item.at);
      continue;
    }
    T element;
    element.at = item.at;
    read_keys(diagnostics, fmt::format("[{}]", name), item, keys, element);
    out.push_back(std::move(element));
  }
}

template <class T, size_t N>
void list_keys(std::vector<KeyInfo>* out, const char* table, const Key<T> (&keys)[N]) {
  for (const Key<T>& key : keys) out->push_back({table, key.name, key.values});
}

}  // namespace

std::optional<Plan> parse_plan(const std::shared_ptr<const SourceText>& source, Diagnostics& diagnostics) {
  const auto document = parse_toml(source, diagnostics);
  if (!document) return std::nullopt;
  const Value* root = &document->root;
  Plan plan;
  plan.source = source;
  read_keys(diagnostics, "", *root, kTop, plan, kTopTables);
  if (document->complete && find_entry(*root, "plan") == nullptr)
    diagnostics.error(root->at, "the plan does not say its language version",
                      "write plan = 1 as the first line (`tracectl new` prints a whole plan)");
  if (const Value* v = find_table(diagnostics, *root, "target", "target"))
    read_keys(diagnostics, "target", *v, kTarget, plan);
  if (const Value* v = find_table(diagnostics, *root, "trace", "trace")) {
    read_keys(diagnostics, "trace", *v, kTrace, plan, kTraceTables);
    if (const Value* w = find_table(diagnostics, *v, "intel_pt", "trace.intel_pt"))
      read_keys(diagnostics, "trace.intel_pt", *w, kIntelPt, plan.intel_pt);
    if (const Value* w = find_table(diagnostics, *v, "coresight", "trace.coresight"))
      read_keys(diagnostics, "trace.coresight", *w, kCoresight, plan.coresight);
  }
  if (const Value* v = find_table(diagnostics, *root, "buffer", "buffer"))
    read_keys(diagnostics, "buffer", *v, kBuffer, plan.buffer);
  if (const Value* v = find_table(diagnostics, *root, "limits", "limits"))
    read_keys(diagnostics, "limits", *v, kLimits, plan.limits);
  if (const Value* v = find_table(diagnostics, *root, "collect", "collect")) {
    plan.collect.at = v->at;
    read_keys(diagnostics, "collect", *v, kCollect, plan.collect);
  }
  read_array(diagnostics, *root, "trigger", kTrigger, plan.triggers);
  read_array(diagnostics, *root, "window", kWindow, plan.windows);
  if (!document->complete) return std::nullopt;
  return plan;
}

void read_option(Plan& plan, const std::string& table, const SourceRef& at, const std::vector<OptionValue>& values,
                 Diagnostics& diagnostics) {
  Value v;
  v.at = at;
  for (const OptionValue& option : values) {
    Value value;
    value.kind = Value::Kind::string;
    value.at = option.at;
    value.text = option.text;
    const bool digits = !option.text.empty() && option.text.find_first_not_of("0123456789") == std::string::npos;
    if (digits && option.key == "limit" && option.text.size() < 19) {
      value.kind = Value::Kind::integer;
      value.integer = std::stoll(option.text);
    }
    v.entries.push_back({option.key, option.at, value});
  }
  if (table == "trace") read_keys(diagnostics, table, v, kTrace, plan);
  if (table == "buffer") read_keys(diagnostics, table, v, kBuffer, plan.buffer);
  if (table == "trigger") {
    plan.triggers.emplace_back().at = v.at;
    read_keys(diagnostics, "[trigger]", v, kTrigger, plan.triggers.back());
  }
  if (table == "window") {
    plan.windows.emplace_back().at = v.at;
    read_keys(diagnostics, "[window]", v, kWindow, plan.windows.back());
  }
}

std::vector<KeyInfo> plan_keys() {
  std::vector<KeyInfo> keys;
  list_keys(&keys, "", kTop);
  list_keys(&keys, "target", kTarget);
  list_keys(&keys, "trace", kTrace);
  list_keys(&keys, "trace.intel_pt", kIntelPt);
  list_keys(&keys, "trace.coresight", kCoresight);
  list_keys(&keys, "buffer", kBuffer);
  list_keys(&keys, "limits", kLimits);
  list_keys(&keys, "collect", kCollect);
  list_keys(&keys, "trigger", kTrigger);
  list_keys(&keys, "window", kWindow);
  return keys;
}

}  // namespace tracectl
