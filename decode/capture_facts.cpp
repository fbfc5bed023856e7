// SPDX-License-Identifier: MIT
#include "decode/capture_facts.hpp"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace tracectl::decode {
namespace {

using nlohmann::json;

// The value under `key` when it has the wanted type; else `otherwise`.
std::string text(const json& in, const char* key, std::string otherwise = {}) {
  const auto at = in.find(key);
  return at != in.end() && at->is_string() ? at->get<std::string>() : otherwise;
}

template <class T>
T number(const json& in, const char* key, T otherwise) {
  const auto at = in.find(key);
  return at != in.end() && at->is_number_integer() ? at->get<T>() : otherwise;
}

json array(const json& in, const char* key) {
  const auto at = in.find(key);
  return at != in.end() && at->is_array() ? *at : json::array();
}

void add_trigger(const json& in, CaptureFacts& out) {
  TriggerFacts trigger;
  trigger.name = text(in, "name");
  trigger.on = text(in, "on");
  const std::string action = text(in, "action", text(in, "do"));
  trigger.action = action == "pause" ? Action::pause : action == "snapshot" ? Action::snapshot : Action::resume;
  if (const auto id = number<uint64_t>(in, "event_id", 0); id != 0) trigger.event_ids.push_back(id);
  for (const json& id : array(in, "event_ids"))
    if (id.is_number_integer()) trigger.event_ids.push_back(id.get<uint64_t>());
  out.triggers.push_back(std::move(trigger));
}

void read_plan(const json& plan, CaptureFacts& out) {
  for (const json& t : array(plan, "triggers"))
    if (t.is_object()) add_trigger(t, out);
  if (const auto c = plan.find("collect"); c != plan.end() && c->is_object())
    out.collect = {number<uint64_t>(*c, "every_ns", 0), number<uint64_t>(*c, "for_ns", 0)};
  for (const json& w : array(plan, "windows"))
    if (w.is_object())
      out.windows.push_back(
          {text(w, "name"), number(w, "resume", -1), number(w, "pause", -1), number<uint64_t>(w, "longer_than_ns", 0)});
}

void read_common(const json& in, CaptureFacts& out) {
  out.title = text(in, "title", out.title);
  out.backend = text(in, "backend", out.backend);
  out.machine = text(in, "machine", out.machine);
  if (const auto at = in.find("start_paused"); at != in.end() && at->is_boolean()) out.start_paused = at->get<bool>();
  for (const json& word : array(in, "command"))
    if (word.is_string()) out.command.push_back(word.get<std::string>());
}

}  // namespace

Result<CaptureFacts> parse_capture_facts(const std::string& source) {
  const json root = json::parse(source, nullptr, false);
  if (!root.is_object()) return fail("cannot read capture.json: it is no JSON object");
  CaptureFacts out;
  if (const auto plan = root.find("plan"); plan != root.end() && plan->is_object()) {
    read_common(*plan, out);
    read_plan(*plan, out);
  }
  if (root.contains("command")) out.command.clear();
  read_common(root, out);
  if (const auto loss = root.find("loss"); loss != root.end() && loss->is_object())
    for (size_t i = 0; i < kLossKinds; ++i) out.loss.count[i] = number<uint64_t>(*loss, kLossNames[i], 0);
  for (const json& why : array(root, "why_empty"))
    if (why.is_string()) out.why_empty.push_back(why.get<std::string>());
  if (root.contains("open_windows")) out.open_windows = number<uint64_t>(root, "open_windows", 0);
  return out;
}

Result<CaptureFacts> read_capture_facts(const std::string& directory) {
  std::ifstream in(directory + "/capture.json");
  if (directory.empty() || !in) return CaptureFacts{};
  return parse_capture_facts({std::istreambuf_iterator<char>(in), {}});
}

}  // namespace tracectl::decode
