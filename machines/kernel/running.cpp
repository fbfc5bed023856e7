// SPDX-License-Identifier: MIT
#include "machines/kernel/running.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "core/perf/record_build.hpp"
#include "machines/kernel/page_file.hpp"
#include "machines/kernel/places.hpp"

namespace tracectl::kernel {
namespace {

// The numbers that name folders of `folder`.
std::vector<int32_t> numbers_in(const std::string& folder) {
  std::vector<int32_t> out;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.find_first_not_of("0123456789") == std::string::npos) out.push_back(std::atoi(name.c_str()));
  }
  return out;
}

// A number of /proc/TID/status; `otherwise` when the thread is gone.
int32_t status_number(int32_t tid, std::string_view key, int32_t otherwise) {
  std::ifstream in(fmt::format("/proc/{}/status", tid));
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(key)) return static_cast<int32_t>(std::strtol(line.c_str() + key.size(), nullptr, 10));
  return otherwise;
}

class Writing {
 public:
  Writing(capture::Writer& writer, uint64_t id, uint64_t time) : writer_(writer) {
    sid_.id = id;
    sid_.time = time;
  }

  Result<> thread(int32_t pid, int32_t tid) {
    std::ifstream in(fmt::format("/proc/{}/task/{}/comm", pid, tid));
    std::string name;
    if (!std::getline(in, name)) return {};
    about(pid, tid);
    return put(perf::build_comm(record_.data(), record_.size(), sid_, name.c_str(), false));
  }

  Result<> mapping(int32_t pid, const CodeMapping& m, const std::string& build_id) {
    about(pid, pid);
    perf::Mapping out;
    out.address = m.address;
    out.length = m.size;
    out.file_offset = m.file_offset;
    out.prot = 5;   // PROT_READ | PROT_EXEC
    out.flags = 2;  // MAP_PRIVATE
    out.name = m.path.c_str();
    out.build_id = reinterpret_cast<const unsigned char*>(build_id.data());
    out.build_id_size = static_cast<uint8_t>(build_id.size());
    return put(perf::build_mmap2(record_.data(), record_.size(), sid_, out));
  }

 private:
  void about(int32_t pid, int32_t tid) {
    sid_.pid = static_cast<uint32_t>(pid);
    sid_.tid = static_cast<uint32_t>(tid);
  }
  Result<> put(size_t size) { return writer_.records(std::as_bytes(std::span(record_)).first(size)); }

  capture::Writer& writer_;
  perf::SampleId sid_;
  alignas(8) std::array<char, PATH_MAX + 256> record_{};
};

Result<> name_vdso(CodeMapping& m, PageFile& vdso) {
  if (m.path != kVdso || !has_own_vdso(m.address)) return {};
  auto path = vdso.path(m.size);
  if (!path) return tl::unexpected<Error>(path.error());
  if (!path->empty()) m.path = std::move(*path), m.file_offset = 0;
  return {};
}

}  // namespace

std::vector<int32_t> processes() { return numbers_in("/proc"); }
std::vector<int32_t> threads_of(int32_t pid) { return numbers_in(fmt::format("/proc/{}/task", pid)); }
int32_t process_of(int32_t tid) { return status_number(tid, "Tgid:", tid); }
int32_t parent_of(int32_t pid) { return status_number(pid, "PPid:", 0); }
int32_t tracer_of(int32_t tid) { return status_number(tid, "TracerPid:", 0); }

std::string right_not_given(int32_t pid) {
  const std::string exe = fmt::format("/proc/{}/exe", pid);
  struct stat file {};
  if (stat(exe.c_str(), &file) != 0 || (file.st_mode & (S_ISUID | S_ISGID)) == 0) return "";
  std::ifstream in(fmt::format("/proc/{}/status", pid));
  unsigned real = 0, user = 0, group = 0;
  for (std::string line; std::getline(in, line);)
    if (std::sscanf(line.c_str(), "Uid: %u %u", &real, &user) != 2) std::sscanf(line.c_str(), "Gid: %u %u", &real, &group);
  const bool lacks_user = (file.st_mode & S_ISUID) != 0 && file.st_uid != user;
  const bool lacks_group = (file.st_mode & S_ISGID) != 0 && (file.st_mode & S_IXGRP) != 0 && file.st_gid != group;
  if (!lacks_user && !lacks_group) return "";
  std::array<char, PATH_MAX> path{};
  if (readlink(exe.c_str(), path.data(), path.size() - 1) < 0) path[0] = '?';
  return fmt::format(
      "process {} runs {} without its {} right: the kernel gives it to no program that is held (run tracectl as root, with "
      "user in [target])",
      pid, path.data(), lacks_user ? "set-user-ID" : "set-group-ID");
}

Result<> write_running(capture::Writer& writer, uint64_t sideband_id, const std::vector<int32_t>& pids,
                       const ModuleFinder* modules, uint64_t time) {
  Writing out(writer, sideband_id, time);
  PageFile vdso(writer, "vdso", own_vdso);
  for (const int32_t pid : pids) {
    for (const int32_t tid : threads_of(pid))
      if (auto r = out.thread(pid, tid); !r) return r;
    for (CodeMapping m : all_code_mappings_of(pid)) {
      if (auto r = name_vdso(m, vdso); !r) return r;
      const bool ask = modules != nullptr && m.path.starts_with('/');
      if (auto r = out.mapping(pid, m, ask ? (*modules)(m.path).build_id : ""); !r) return r;
    }
  }
  return {};
}

}  // namespace tracectl::kernel
