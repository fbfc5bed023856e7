// SPDX-License-Identifier: MIT
#include "machines/kernel/places.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>

namespace tracectl::kernel {
namespace {

// Where a site lies in the process that mapped `m` of its file; 0 when it is elsewhere.
uint64_t address_of(const TriggerSite& site, const ModuleAnswer& module, const CodeMapping& m) {
  const uint64_t inside = site.data ? module.code_offset : site.file_offset;
  if (inside < m.file_offset || inside - m.file_offset >= m.size) return 0;
  return m.address + (site.file_offset - m.file_offset);
}

std::string maps_of(int32_t pid) {
  std::ifstream in(fmt::format("/proc/{}/maps", pid));
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void add_once(std::vector<Place>& out, Place place) {
  if (std::find(out.begin(), out.end(), place) == out.end()) out.push_back(std::move(place));
}

}  // namespace

std::vector<CodeMapping> all_code_mappings(const std::string& maps) {
  std::vector<CodeMapping> out;
  std::istringstream in(maps);
  for (std::string line; std::getline(in, line);) {
    unsigned long from = 0, to = 0, offset = 0;
    char rights[5] = {};
    int name = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %4s %lx %*s %*s %n", &from, &to, rights, &offset, &name) < 4 || name == 0)
      continue;
    if (rights[2] != 'x' || to <= from) continue;
    std::string path = line.substr(std::min(static_cast<size_t>(name), line.size()));
    // As the kernel's MMAP2 names what has no file.
    out.push_back({from, to - from, offset, path.empty() ? "//anon" : std::move(path)});
  }
  return out;
}

std::vector<CodeMapping> code_mappings(const std::string& maps) {
  auto out = all_code_mappings(maps);
  std::erase_if(out, [](const CodeMapping& m) { return !m.path.starts_with('/') || m.path == "//anon"; });
  return out;
}

std::vector<CodeMapping> code_mappings_of(int32_t pid) { return code_mappings(maps_of(pid)); }
std::vector<CodeMapping> all_code_mappings_of(int32_t pid) { return all_code_mappings(maps_of(pid)); }

bool every_site_placed(const ResolvedPlan& plan, const std::vector<Place>& placed) {
  const auto is_placed = [&placed](uint32_t trigger) {
    return std::any_of(placed.begin(), placed.end(), [trigger](const Place& p) { return p.trigger == trigger; });
  };
  for (uint32_t i = 0; i < plan.triggers.size(); ++i)
    if (sits_in_file(plan.triggers[i]) && !is_placed(i)) return false;
  return true;
}

std::vector<Place> add_fresh(std::vector<Place>& known, const std::vector<Place>& found) {
  std::vector<Place> fresh;
  for (const auto& place : found)
    if (std::find(known.begin(), known.end(), place) == known.end()) fresh.push_back(place);
  known.insert(known.end(), fresh.begin(), fresh.end());
  return fresh;
}

std::vector<Place> fixed_places(const ResolvedPlan& plan) {
  std::vector<Place> out;
  for (uint32_t i = 0; i < plan.triggers.size(); ++i) {
    const auto& t = plan.triggers[i];
    if (sits_in_file(t)) continue;
    const bool by_address = t.where.form == CodeLocation::Form::address;
    if (is_user_probe(t.kind))
      out.push_back({i, t.where.object, t.where.address});
    else if (is_kernel_probe(t.kind))
      out.push_back({i, by_address ? "" : t.where.symbol, by_address ? t.where.address : t.where.offset});
    else
      out.push_back({i, "", t.where.address});
  }
  return out;
}

std::vector<Place> probes_in(const ResolvedPlan& plan, const std::string& path, const ModuleFinder& modules) {
  std::vector<Place> out;
  for (const TriggerSite& site : modules(path).sites)
    if (is_user_probe(plan.triggers[site.trigger].kind)) add_once(out, {site.trigger, path, site.file_offset});
  return out;
}

std::vector<Place> places_in(const ResolvedPlan& plan, const std::vector<CodeMapping>& mappings,
                             const ModuleFinder& modules) {
  std::vector<Place> out;
  for (const auto& m : mappings) {
    const ModuleAnswer module = modules(m.path);
    for (const TriggerSite& site : module.sites) {
      const auto& t = plan.triggers[site.trigger];
      if (!sits_in_file(t)) continue;
      const uint64_t address = address_of(site, module, m);
      if (address == 0) continue;
      add_once(out,
               is_user_probe(t.kind) ? Place{site.trigger, m.path, site.file_offset} : Place{site.trigger, "", address});
    }
  }
  // In the plan's order: of two triggers at one place the first acts first.
  std::stable_sort(out.begin(), out.end(), [](const Place& a, const Place& b) { return a.trigger < b.trigger; });
  return out;
}

}  // namespace tracectl::kernel
