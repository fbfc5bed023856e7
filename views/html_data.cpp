// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "views/calls.hpp"
#include "views/html_report.hpp"

namespace tracectl::views {
namespace {

using Json = nlohmann::ordered_json;

// Names that the page uses, numbered again so that it holds no others.
class Names {
 public:
  explicit Names(const std::vector<FlameName>& all) : all_(all) {}
  uint32_t operator()(uint32_t name) {
    const auto [at, fresh] = numbers_.emplace(name, static_cast<uint32_t>(json_.size()));
    if (fresh) json_.push_back({all_[name].function, all_[name].object});
    return at->second;
  }
  [[nodiscard]] const Json& json() const { return json_; }

 private:
  const std::vector<FlameName>& all_;
  std::map<uint32_t, uint32_t> numbers_;
  Json json_ = Json::array();
};

Json flame_json(const Flame& flame, Names& names) {
  Json nodes = Json::array();
  for (const FlameNode& n : flame.nodes) nodes.push_back({n.depth, names(n.name), n.begin, n.insns, n.calls});
  return {{"insns", flame.insns}, {"left_out", flame.left_out}, {"beyond", flame.beyond}, {"nodes", std::move(nodes)}};
}

// The longest windows, by thread.
Json timeline_json(const HtmlReport& page) {
  const auto& all = page.windows->all();
  std::vector<const decode::Window*> kept;
  for (const decode::Window& w : all) kept.push_back(&w);
  std::stable_sort(kept.begin(), kept.end(), [](const auto* a, const auto* b) {
    return a->open != b->open ? a->open : a->end - a->begin > b->end - b->begin;
  });
  kept.resize(std::min(kept.size(), HtmlReport::kMostWindows));
  std::sort(kept.begin(), kept.end(), [](const auto* a, const auto* b) { return a->number < b->number; });
  uint64_t first = ~uint64_t{0}, last = 0;
  for (const decode::Window& w : all) {
    first = std::min(first, w.begin);
    last = std::max(last, w.end);
  }
  std::map<std::pair<int32_t, int32_t>, Json> lanes;
  for (const decode::Window* w : kept) {
    Json& lane = lanes[{w->tid, w->tid < 0 ? w->cpu : -1}];
    if (lane.is_null()) {
      const std::string who =
          w->tid < 0 ? fmt::format("cpu {}", w->cpu) : fmt::format("{} {}", page.images->comm(w->pid, w->begin), w->tid);
      lane = {{"name", who}, {"windows", Json::array()}};
    }
    lane["windows"].push_back({w->name, w->begin - first, w->end - w->begin, w->number,
                               page.summary->instructions_in(w->number), w->open ? 1 : 0});
  }
  Json out = {{"names", page.windows->names()},
              {"length", all.empty() ? 0 : last - first},
              {"left_out", all.size() - kept.size()},
              {"lanes", Json::array()}};
  for (auto& [key, lane] : lanes) out["lanes"].push_back(std::move(lane));
  return out;
}

}  // namespace

std::string html_data(const HtmlReport& page) {
  Names names(page.flames->names());
  Json out;
  out["capture"] = page.report->capture;
  out["timeline"] = timeline_json(page);
  out["charts"] = Json::array();
  for (const uint64_t number : page.charted) {
    const decode::Window& w = page.windows->all()[number - 1];
    Json chart = flame_json(page.flames->chart(number, HtmlReport::kMostNodes), names);
    chart["window"] = number;
    out["charts"].push_back(std::move(chart));
    out["charts"].back()["name"] = page.windows->names()[w.name];
  }
  out["flame"] = flame_json(page.flames->merged(2 * HtmlReport::kMostNodes), names);
  out["names"] = names.json();
  std::string text = out.dump(-1, ' ', false, Json::error_handler_t::replace);
  // A script element ends at the first "</script", comment or not.
  std::string safe;
  for (const char c : text)
    if (c == '<')
      safe += "\\u003c";
    else
      safe += c;
  return safe;
}

}  // namespace tracectl::views
