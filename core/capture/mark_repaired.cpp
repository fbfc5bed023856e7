// SPDX-License-Identifier: MIT
// capture.json read back and marked, for a repair.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/capture/capture_json.hpp"
#include "core/capture/directory.hpp"
#include "core/capture/format.hpp"

namespace tracectl::capture {
namespace {

using Json = nlohmann::ordered_json;

const Json& at(const Json& in, const char* key) {
  static const Json nothing;
  const auto found = in.is_object() ? in.find(key) : in.end();
  return found == in.end() ? nothing : *found;
}

std::string text(const Json& in) { return in.is_string() ? in.get<std::string>() : std::string(); }

JsonFacts facts_of(const Json& root) {
  JsonFacts out;
  out.cpuid = text(at(root, "cpuid"));
  const Json& host = at(root, "host");
  out.kernel = text(at(host, "kernel"));
  out.cpu = text(at(host, "cpu"));
  if (const Json& cpus = at(host, "cpus"); cpus.is_number_unsigned()) out.cpus = cpus.get<uint32_t>();
  if (const Json& words = at(root, "command"); words.is_array())
    for (const Json& word : words) out.command.push_back(text(word));
  if (const Json& triggers = at(at(root, "plan"), "triggers"); triggers.is_array())
    for (const Json& trigger : triggers)
      if (const Json& ids = at(trigger, "event_ids"); ids.is_array())
        for (const Json& id : ids)
          if (id.is_number_unsigned()) out.event_names.emplace(id.get<uint64_t>(), text(at(trigger, "name")));
  return out;
}

}  // namespace

Result<JsonFacts> mark_repaired(const std::string& directory, const LossTotals& loss) {
  std::ifstream in(directory + "/" + kJsonName);
  Json root = Json::parse(std::string(std::istreambuf_iterator<char>(in), {}), nullptr, false);
  if (!root.is_object()) root = Json::object();
  Json& counts = root["loss"];
  if (!counts.is_object()) counts = Json::object();
  for (size_t i = 0; i < kLossKinds; ++i) {
    const Json& said = at(counts, kLossNames[i]);
    counts[kLossNames[i]] = std::max(said.is_number_unsigned() ? said.get<uint64_t>() : 0, loss.count[i]);
  }
  root["repaired"] = true;
  const std::string out = root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  if (auto done = write_side_file(directory, kJsonName, out); !done) return tl::unexpected(done.error());
  return facts_of(root);
}

}  // namespace tracectl::capture
